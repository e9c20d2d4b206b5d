//! Old records go when there are too many.

use std::fs;
use std::path::Path;

use crate::error::Result;
use crate::folder;

/// How many records stay. The newest ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// At most this many records.
    pub runs: usize,
    /// At most this many bytes in all records together.
    pub bytes: u64,
}

impl Default for Retention {
    /// 100 records, 1 GiB.
    fn default() -> Self {
        Self { runs: 100, bytes: 1 << 30 }
    }
}

/// What pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Records removed.
    pub runs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that could not be removed.
    pub failed: u64,
}

/// Removes the oldest records of a directory until the others are within `retention`. The newest
/// record and those that a living process writes stay.
///
/// # Errors
/// When the directory cannot be read.
pub fn prune(dir: &Path, retention: Retention) -> Result<Pruned> {
    let records = folder::list(dir)?;
    let (mut kept, mut bytes) = (0, 0u64);
    let mut pruned = Pruned::default();
    for record in records.iter().rev() {
        let fits = kept < retention.runs && bytes.saturating_add(record.bytes) <= retention.bytes;
        if kept == 0 || fits || record.is_live() {
            kept += 1;
            bytes = bytes.saturating_add(record.bytes);
        } else if fs::remove_file(&record.path).is_ok() {
            pruned.runs += 1;
            pruned.bytes += record.bytes;
        } else {
            pruned.failed += 1;
        }
    }
    Ok(pruned)
}
