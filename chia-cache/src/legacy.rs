//! Format 1: how its facts and records are read. Nothing writes it any more.

use serde::{Deserialize, Serialize};

use crate::meta::{Checksum, Cut, Meta, Place};
use crate::{Codec, Origin};

/// The facts of an entry in format 1.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Meta1 {
    function: Option<String>,
    origin: Origin,
    codec: Codec,
    created: u64,
    compute_time: Option<u64>,
    len: u64,
    checksum: Option<Checksum>,
    place: Place1,
}

#[derive(Debug, Serialize, Deserialize)]
enum Place1 {
    Inline,
    File { generation: u64, synced: bool, pickle: bool, cut: Cut },
    Found { name: String, cut: Cut },
}

impl From<Meta1> for Meta {
    fn from(old: Meta1) -> Self {
        let (generation, place) = match old.place {
            Place1::Inline => (0, Place::Inline),
            Place1::File { generation, synced, pickle, cut } => {
                (generation, Place::File { synced, pickle, cut })
            }
            Place1::Found { name, cut } => (0, Place::Found { name, cut, stamp: None }),
        };
        Self {
            function: old.function,
            origin: old.origin,
            codec: old.codec,
            created: old.created,
            compute_time: old.compute_time,
            len: old.len,
            checksum: old.checksum,
            generation,
            provenance: None,
            expires: None,
            pinned: false,
            place,
        }
    }
}

/// The last bytes of a value file of format 1.
pub(crate) const TRAILER_MAGIC: [u8; 8] = *b"CHIAVAL1";

/// What comes before them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trailer1 {
    pub(crate) store: u64,
    pub(crate) tag: String,
    pub(crate) meta: Meta1,
}

/// A change in a log of format 1.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Op1 {
    Put { tag: String, meta: Meta1 },
    Remove { tag: String },
    Touch { tag: String, at: u64 },
    Clear,
    FilesSynced { before: u64 },
}

/// The facts and the inline value of a row of format 1.
pub(crate) fn row(row: &[u8]) -> Option<(Meta, &[u8])> {
    let (meta, value) = postcard::take_from_bytes::<Meta1>(row).ok()?;
    Some((meta.into(), value))
}

/// The first bytes of a log of format 1.
pub(crate) const LOG_MAGIC: [u8; 8] = *b"CHIALOG1";
