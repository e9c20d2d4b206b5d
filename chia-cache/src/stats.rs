//! Counters of a store.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Policy;

/// A snapshot of a store's state and of what happened since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// Entries held.
    pub entries: u64,
    /// Logical bytes held: values and tags.
    pub bytes: u64,
    /// The budget for those, in bytes.
    pub budget: u64,
    /// Reads that found their value.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Writes that stored a value.
    pub writes: u64,
    /// Writes that found their bytes already there.
    pub refreshed: u64,
    /// Replacements that met a real value and left it.
    pub kept_real: u64,
    /// Writes refused because they exceed the whole budget.
    pub too_large: u64,
    /// Entries evicted to make room.
    pub evictions: u64,
    /// Damaged entries put into quarantine.
    pub quarantined: u64,
    /// Writes that took the place of another function's result.
    pub collisions: u64,
    /// Files that are evicted but not yet unlinked.
    pub unlink_backlog_files: u64,
    /// Their size in bytes.
    pub unlink_backlog_bytes: u64,
    /// Bytes of files being written now.
    pub in_flight_bytes: u64,
    /// Bytes that the index and the log take on disk.
    pub index_bytes: u64,
    /// Which entries leave first when room is needed.
    pub policy: Policy,
}

/// The counters behind [`Stats`]; each stands alone, so relaxed ordering is enough.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) writes: Counter,
    pub(crate) refreshed: Counter,
    pub(crate) kept_real: Counter,
    pub(crate) too_large: Counter,
    pub(crate) evictions: Counter,
    pub(crate) quarantined: Counter,
    pub(crate) collisions: Counter,
    pub(crate) in_flight_bytes: Counter,
}

/// A number that threads add to.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
