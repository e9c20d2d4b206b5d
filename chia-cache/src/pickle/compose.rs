//! An entry made from a tag and a value.

use super::bytes::bytes_opcode;
use super::error::{PickleError, PickleErrorKind as Kind};
use super::splice::Splice;
use super::{MAX_TAG_LEN, opcode as op};

/// How to make a `(tag, data)` pickle from `tag` and a stand-alone pickle of `data`, the source of the splice.
///
/// `first` is at least the first 12 bytes of that pickle (or all), `last` its last byte, `len` its length. The source must be
/// one whole pickle: its first `STOP` is its last byte.
///
/// The tag is pushed outside of any frame and is not put in the memo, so `data` keeps its frames and its memo
/// numbers. Its `STOP` becomes `TUPLE`, which leaves the last frame as long as it was.
///
/// # Errors
/// [`NotAValue`](Kind::NotAValue) where the source does not look like a pickle of protocols 2 to 5,
/// [`TagTooLong`](Kind::TagTooLong).
pub fn entry_from_pickle(
    tag: &str,
    first: &[u8],
    last: u8,
    len: u64,
) -> Result<Splice, PickleError> {
    let [op::PROTO, protocol @ 2..=5, opcodes @ ..] = first else {
        return Err(PickleError::new(
            Kind::NotAValue,
            0,
            "it does not begin with PROTO and a protocol of 2 to 5",
        ));
    };
    let opcodes = match opcodes {
        [op::FRAME, framed @ ..] if *protocol >= op::FIRST_FRAMED => {
            framed.get(8..).unwrap_or_default()
        }
        opcodes => opcodes,
    };
    // Nothing is there yet that could be put in the memo; here it would pass for the memo opcode of the tag.
    if let None | Some(&(op::MEMOIZE | op::BINPUT | op::LONG_BINPUT | op::STOP)) = opcodes.first() {
        return Err(PickleError::new(Kind::NotAValue, 2, "its first opcode pushes nothing"));
    }
    // PROTO and its operand, one opcode at the least, STOP.
    if last != op::STOP || len < 4 {
        return Err(PickleError::new(Kind::NotAValue, len, "it does not end with STOP"));
    }
    Ok(Splice {
        prefix: entry_prefix(*protocol, tag)?,
        body: 2..len - 1,
        suffix: vec![op::TUPLE, op::STOP],
    })
}

/// How to make a `(tag, data)` pickle from `tag` and raw bytes, the source of the splice: Python loads `data`
/// as a `bytes` object of `len` bytes.
///
/// # Errors
/// [`TagTooLong`](Kind::TagTooLong).
pub fn entry_from_bytes(tag: &str, len: u64) -> Result<Splice, PickleError> {
    let mut prefix = entry_prefix(op::FIRST_FRAMED, tag)?;
    prefix.extend_from_slice(&bytes_opcode(len));
    Ok(Splice { prefix, body: 0..len, suffix: vec![op::TUPLE, op::STOP] })
}

fn entry_prefix(protocol: u8, tag: &str) -> Result<Vec<u8>, PickleError> {
    if tag.len() > MAX_TAG_LEN {
        let what = format!("{} bytes, {MAX_TAG_LEN} are allowed", tag.len());
        return Err(PickleError::new(Kind::TagTooLong, 0, what));
    }
    let mut prefix = vec![op::PROTO, protocol, op::MARK];
    match u8::try_from(tag.len()) {
        Ok(len) if protocol >= op::FIRST_FRAMED => prefix.extend([op::SHORT_BINUNICODE, len]),
        _ => {
            prefix.push(op::BINUNICODE);
            prefix.extend((tag.len() as u32).to_le_bytes());
        }
    }
    prefix.extend_from_slice(tag.as_bytes());
    Ok(prefix)
}
