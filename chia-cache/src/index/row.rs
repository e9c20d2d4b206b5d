//! The rows of the entries: `u64 seal | facts | inline value`.
//!
//! The seal is a checksum over tag and facts. The facts hold the checksum of the value, so a row that
//! is read under another tag, or with any bit changed, is never served.

use twox_hash::XxHash3_64;

use super::{IndexError, Result};
use crate::meta::Meta;

const SEAL: usize = 8;

fn seal(tag: &str, meta: &[u8]) -> [u8; SEAL] {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(tag.as_bytes()), meta).to_le_bytes()
}

/// The row of an entry.
pub(super) fn encode(tag: &str, meta: &Meta, value: &[u8]) -> Result<Vec<u8>> {
    let mut row = postcard::to_extend(meta, vec![0; SEAL])
        .map_err(|e| IndexError::Io(std::io::Error::other(e)))?;
    let sum = seal(tag, &row[SEAL..]);
    row[..SEAL].copy_from_slice(&sum);
    row.extend_from_slice(value);
    Ok(row)
}

/// Facts and inline value of a row; `None` if the row is damaged.
pub(super) fn parse<'a>(tag: &str, row: &'a [u8]) -> Option<(Meta, &'a [u8])> {
    let (sum, rest) = row.split_at_checked(SEAL)?;
    let (meta, value) = postcard::take_from_bytes::<Meta>(rest).ok()?;
    let facts = &rest[..rest.len() - value.len()];
    (seal(tag, facts) == sum).then_some((meta, value))
}

/// The facts of a row; `None` if the row is damaged.
pub(super) fn meta(tag: &str, row: &[u8]) -> Option<Meta> {
    Some(parse(tag, row)?.0)
}
