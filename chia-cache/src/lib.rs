#![doc = include_str!("../README.md")]

mod bytesize;
mod error;
mod export;
mod facts;
mod files;
mod index;
mod io;
mod layer;
mod log;
mod meta;
mod options;
mod owner;
pub mod pickle;
mod recovery;
mod report;
mod set_aside;
mod stats;
mod store;
mod table;
mod unlink;
mod victims;

pub use bytesize::{ByteSize, ParseByteSizeError};
pub use error::{Error, ErrorKind, Result};
pub use facts::{Codec, Entry, Facts, NewEntry, Origin, Replay, ReplayMiss, Written};
pub use options::{Durability, Options};
pub use report::{Ignored, OpenReport, SetAside};
pub use stats::Stats;
pub use store::Store;

/// The version of the on-disk format that this crate writes; it reads every version up to it.
pub const FORMAT_VERSION: u32 = 1;

/// The longest tag, in bytes.
pub const MAX_TAG_LEN: usize = 1024 * 1024;

/// Locks a mutex whose data is consistent between any two statements, so that a panic elsewhere is no
/// reason to refuse it.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
