//! The state of an open store.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::EvictionCursor;
use crate::index::{Index, IndexError, Totals, is_damage, to_io};
use crate::io::Io;
use crate::live::LiveView;
use crate::log::Log;
use crate::log::commit::GroupCommit;
use crate::options::{Durability, Options};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::stats::Counters;
use crate::sync::lock;
use crate::unlink::UnlinkQueue;

/// How much a log and a memtable may grow before a checkpoint, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// Bytes of log or of memory at which a checkpoint begins. At twice as much writers wait for it.
    pub(crate) checkpoint_at: usize,
    /// From how many files on they are synced with the whole file system at once.
    pub(crate) sync_all_from: usize,
    /// Whether threads checkpoint, sync and unlink; without them it happens within the operations.
    pub(crate) threads: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { checkpoint_at: 8 * 1024 * 1024, sync_all_from: 64, threads: true }
    }
}

/// What only one writer at a time may use.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) log: Log,
    pub(crate) cursor: EvictionCursor,
    /// Files named by the active memtable that are not durable yet (`Relaxed` only).
    pub(crate) unsynced: Vec<String>,
}

/// Operations are accepted.
pub(crate) const OPEN: u8 = 0;
/// New operations are refused, those under way end.
pub(crate) const CLOSING: u8 = 1;
/// Nothing is appended any more.
pub(crate) const CLOSED: u8 = 2;

/// An open store.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) io: Arc<dyn Io>,
    pub(crate) paths: Paths,
    pub(crate) options: Options,
    pub(crate) tuning: Tuning,
    /// Tells this store's files from another's.
    pub(crate) id: u64,
    /// Tells this owner's staged files from an earlier or a later owner's.
    pub(crate) nonce: u64,
    pub(crate) budget: AtomicU64,
    /// [`OPEN`], [`CLOSING`] or [`CLOSED`].
    pub(crate) state: AtomicU8,
    /// Held shared by every change under way, exclusively by the close.
    pub(crate) running: RwLock<()>,
    /// Held to change anything, while the record is written. Readers never take it.
    pub(crate) writer: Mutex<Writer>,
    /// Held for moments only, never while the disk works.
    pub(crate) live: Mutex<LiveView>,
    /// Held while the index is brought up to date.
    pub(crate) index: Mutex<IndexState>,
    /// Held while files are made durable in the background.
    pub(crate) file_sync: Mutex<()>,
    pub(crate) commits: GroupCommit,
    /// Bytes of the segment being appended to.
    pub(crate) log_bytes: AtomicU64,
    pub(crate) unlinks: UnlinkQueue,
    /// Files of writes that failed or gave way after the file had its name. They go before the next change is
    /// accepted: the next opening would adopt them.
    pub(crate) failed_files: Mutex<Vec<String>>,
    /// The space held back for a full disk is in use.
    pub(crate) reserve_used: AtomicBool,
    /// The index was found damaged.
    pub(crate) damaged: AtomicBool,
    /// Files were unlinked that may be back after a power loss.
    pub(crate) unlinked: AtomicBool,
    pub(crate) next_generation: AtomicU64,
    /// Generations of files that are being written.
    pub(crate) in_flight: Mutex<BTreeSet<u64>>,
    pub(crate) next_staged: AtomicU64,
    pub(crate) counters: Counters,
    pub(crate) wake: Wake,
    pub(crate) owner: Mutex<Option<Owner>>,
}

/// The index and what it says of itself. `None` once closed.
#[derive(Debug)]
pub(crate) struct IndexState {
    pub(crate) index: Option<Index>,
    pub(crate) totals: Totals,
}

/// Calls the background thread.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(crate) work: Mutex<bool>,
    pub(crate) bell: Condvar,
}

impl Wake {
    pub(crate) fn ring(&self) {
        *lock(&self.work) = true;
        self.bell.notify_one();
    }
}

impl Inner {
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            OPEN => Ok(()),
            _ => Err(Error::new(ErrorKind::Closed, "use", &self.paths.dir)),
        }
    }

    /// Begins a change: the store does not close before the guard is dropped. Guards do not nest.
    pub(crate) fn enter(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let guard = self.running.read().unwrap_or_else(PoisonError::into_inner);
        self.check_open()?;
        Ok(guard)
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.options.durability == Durability::Durable
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget.load(Ordering::Acquire)
    }

    pub(crate) fn index_error(&self, doing: &'static str, error: IndexError) -> Error {
        match is_damage(&error) {
            true => Error::corrupt(doing, &self.paths.index, error),
            false => Error::io(doing, &self.paths.index, to_io(error)),
        }
    }

    /// Whether the memtable or the log has grown to this multiple of a checkpoint's size.
    pub(crate) fn is_behind(&self, checkpoints: usize) -> bool {
        let limit = checkpoints * self.tuning.checkpoint_at;
        self.log_bytes.load(Ordering::Acquire) >= limit as u64
            || lock(&self.live).active.cost() >= limit
    }

    /// A generation that no entry has yet.
    pub(crate) fn next_generation(&self) -> u64 {
        self.next_generation.fetch_add(1, Ordering::AcqRel)
    }

    /// A generation for a file, to be [`settled`](Self::settle) once its entry is committed or refused.
    pub(crate) fn begin_file(&self) -> u64 {
        let mut in_flight = lock(&self.in_flight);
        let generation = self.next_generation.fetch_add(1, Ordering::AcqRel);
        in_flight.insert(generation);
        generation
    }

    pub(crate) fn settle(&self, generation: u64) {
        lock(&self.in_flight).remove(&generation);
    }

    /// No file of a generation below this is being written.
    pub(crate) fn settled(&self) -> u64 {
        let in_flight = lock(&self.in_flight);
        let next = self.next_generation.load(Ordering::Acquire);
        in_flight.first().map_or(next, |first| next.min(*first))
    }
}
