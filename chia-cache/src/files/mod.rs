//! Values that are files: their names, how they are written and read, and how they are found again.
//!
//! A file is `contents | trailer | u32 trailer length | u64 xxh3-64 of the trailer | magic`. With the
//! trailer at the end a value of unknown length streams straight into place, and a file can be adopted
//! again after the index is lost. The contents are the value itself (`*.val`), or the Python original's
//! pickle of `(tag, data)` (`*.pkl`), which ends before the trailer as far as Python is concerned.

mod buffer;
mod found;
mod name;
mod read;
mod staged;
mod trailer;

pub(crate) use found::{Finding, find};
pub(crate) use name::{generation, is_pickle, name, stem};
pub(crate) use read::{ReadError, copy, fill, read};
pub(crate) use staged::{StagedFile, Wrap};
pub(crate) use trailer::Trailer;

/// How much of a value is in memory at a time while it streams, in bytes.
const CHUNK: usize = 256 * 1024;
