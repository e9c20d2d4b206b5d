//! What makes a value file self-describing.

use std::io;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::io::{IoFile, read_exact_at};
use crate::legacy::{self, Trailer1};
use crate::meta::Meta;

const MAGIC: [u8; 8] = *b"CHIAVAL2";

/// Length, sum, magic.
const FOOTER: usize = 4 + 8 + 8;

/// A trailer longer than this is damage.
const MAX_TRAILER: u64 = 3 * crate::MAX_TAG_LEN as u64;

/// The end of a file. The order of the fields is the format.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trailer {
    /// The store that wrote the file, so that its own leftovers can be distinguished from files of another.
    pub(crate) store: u64,
    pub(crate) tag: String,
    pub(crate) meta: Meta,
}

impl From<Trailer1> for Trailer {
    fn from(old: Trailer1) -> Self {
        Self { store: old.store, tag: old.tag, meta: old.meta.into() }
    }
}

impl Trailer {
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = postcard::to_allocvec(self).map_err(io::Error::other)?;
        let sum = XxHash3_64::oneshot(&bytes);
        let len = bytes.len() as u32;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes.extend_from_slice(&MAGIC);
        Ok(bytes)
    }

    /// Reads the trailer of a file; `None` if there is none, or not a whole one.
    pub(crate) fn read(file: &dyn IoFile) -> io::Result<Option<Self>> {
        let Some(before_footer) = file.len()?.checked_sub(FOOTER as u64) else { return Ok(None) };
        let mut footer = [0; FOOTER];
        read_exact_at(file, before_footer, &mut footer)?;
        let (len, rest) = footer.split_at(4);
        let (sum, magic) = rest.split_at(8);
        let len = u64::from(u32::from_le_bytes(len.try_into().expect("four bytes")));
        let sum = u64::from_le_bytes(sum.try_into().expect("eight bytes"));
        let known = magic == MAGIC || magic == legacy::TRAILER_MAGIC;
        if !known || len > MAX_TRAILER || len > before_footer {
            return Ok(None);
        }
        let mut bytes = vec![0; len as usize];
        read_exact_at(file, before_footer - len, &mut bytes)?;
        if XxHash3_64::oneshot(&bytes) != sum {
            return Ok(None);
        }
        let trailer = match magic == MAGIC {
            true => postcard::from_bytes(&bytes).ok(),
            false => postcard::from_bytes::<Trailer1>(&bytes).ok().map(Self::from),
        };
        Ok(trailer.filter(|trailer: &Self| {
            trailer.meta.cut().is_some_and(|cut| cut.end <= before_footer - len)
        }))
    }
}
