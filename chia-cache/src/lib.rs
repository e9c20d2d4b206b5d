#![doc = include_str!("../README.md")]

mod bytesize;
mod error;
mod eviction;
mod export;
mod facts;
mod files;
mod fingerprint;
mod index;
mod io;
mod legacy;
mod live;
mod log;
mod memtable;
mod meta;
mod options;
pub mod overlay;
mod owner;
mod paths;
pub mod pickle;
mod policy;
mod quarantine;
mod rank;
mod read_only;
mod recovery;
mod report;
#[cfg(test)]
mod simulator;
mod stats;
mod store;
mod sync;
mod unlink;

pub use bytesize::{ByteSize, ParseByteSizeError};
pub use error::{Error, ErrorKind, Result};
pub use facts::{Codec, Entry, Facts, NewEntry, Origin, Provenance, Replay, ReplayMiss, Written};
pub use fingerprint::{Fingerprint, Hash128};
pub use options::{Durability, Options};
pub use policy::{ParsePolicyError, Policy};
pub use read_only::ReadOnlyStore;
pub use report::{Ignored, OpenReport, Quarantined};
pub use stats::Stats;
pub use store::{Entries, Store, WeakStore};

/// The version of the on-disk format that this crate writes; it reads every version up to it.
pub const FORMAT_VERSION: u32 = 3;

/// The longest tag, in bytes.
pub const MAX_TAG_LEN: usize = 1024 * 1024;

/// The most bytes that the facts of an entry may take: function, version, fingerprints, labels.
pub const MAX_FACTS_LEN: usize = 64 * 1024;
