//! The state of an open store, and how a change is committed to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::{Candidate, EvictionCursor};
use crate::files;
use crate::index::{Index, IndexError, Snapshot, Totals, is_damage, to_io};
use crate::io::Io;
use crate::live::{LiveView, Overlay};
use crate::log::Log;
use crate::log::commit::GroupCommit;
use crate::log::frame::Op;
use crate::memtable::{Slot, Tag};
use crate::meta::{self, Meta, Place};
use crate::options::{Durability, Options};
use crate::owner::Owner;
use crate::stats::Counters;
use crate::sync::lock;
use crate::unlink::UnlinkQueue;

/// How much a log and a memtable may grow before they are checkpointed into the index, and by whom.
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

/// Where the parts of a store are.
#[derive(Debug)]
pub(crate) struct Paths {
    /// The directory the user named; value files are right in it.
    pub(crate) dir: PathBuf,
    /// Everything else: lock, log, index. Apart, so that only entries change the directory's time.
    pub(crate) private: PathBuf,
    pub(crate) index: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) staging: PathBuf,
    pub(crate) quarantine: PathBuf,
}

impl Paths {
    pub(crate) fn new(dir: PathBuf) -> Self {
        let private = dir.join(".chia");
        Self {
            index: private.join("index.redb"),
            lock: private.join("lock"),
            staging: private.join("staging"),
            quarantine: private.join("quarantine"),
            private,
            dir,
        }
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

/// An open store.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) io: Arc<dyn Io>,
    pub(crate) paths: Paths,
    pub(crate) options: Options,
    pub(crate) tuning: Tuning,
    /// Tells this store's files from another's.
    pub(crate) id: u64,
    pub(crate) budget: AtomicU64,
    pub(crate) closed: AtomicBool,
    /// Held to change anything, while the record is written. Readers never take it.
    pub(crate) writer: Mutex<Writer>,
    /// Held for moments only, never while the disk works.
    pub(crate) live: Mutex<LiveView>,
    /// Held while the index is brought up to date.
    pub(crate) index: Mutex<IndexState>,
    /// Held while files are made durable in the background.
    pub(crate) file_sync: Mutex<()>,
    pub(crate) commits: GroupCommit,
    pub(crate) unlinks: UnlinkQueue,
    /// Files were unlinked that may be back after a power loss.
    pub(crate) unlinked: AtomicBool,
    pub(crate) next_generation: AtomicU64,
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

/// An entry as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) meta: Arc<Meta>,
    /// The value, if it is inline and was asked for.
    pub(crate) value: Option<Bytes>,
    /// When it was last read, if that was at hand.
    pub(crate) last_read: Option<u64>,
    pub(crate) turn: u64,
}

impl Inner {
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(Error::new(ErrorKind::Closed, "use", &self.paths.dir)),
            false => Ok(()),
        }
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

    pub(crate) fn find(&self, tag: &str, with_value: bool) -> Result<Option<Found>> {
        let found = match self.look(tag, with_value) {
            // redb refuses everything after one failed read.
            Err(e) if !is_damage(&e) && self.revive_for_read() => self.look(tag, with_value),
            found => found,
        };
        found.map_err(|e| self.index_error("read", e))
    }

    fn look(&self, tag: &str, with_value: bool) -> Result<Option<Found>, IndexError> {
        let (overlay, base, turn) = {
            let table = lock(&self.live);
            (table.overlay(tag), Arc::clone(&table.base), table.turn)
        };
        self.complete(tag, overlay, &base, turn, with_value)
    }

    fn complete(
        &self,
        tag: &str,
        overlay: Overlay,
        base: &Snapshot,
        turn: u64,
        with_value: bool,
    ) -> Result<Option<Found>, IndexError> {
        Ok(match overlay {
            Overlay::Gone => None,
            Overlay::Here { meta, last_read, mut value } => {
                if with_value && value.is_none() && meta.is_inline() {
                    value = base.read(tag)?.map(|(_, value)| value);
                }
                Some(Found { meta, value, last_read: Some(last_read), turn })
            }
            Overlay::Below if with_value => base.read(tag)?.map(|(meta, value)| {
                let value = meta.is_inline().then_some(value);
                Found { meta: Arc::new(meta), value, last_read: None, turn }
            }),
            Overlay::Below => base.meta(tag)?.map(|meta| Found {
                meta: Arc::new(meta),
                value: None,
                last_read: None,
                turn,
            }),
        })
    }

    /// When an entry that [`find`](Self::find) found was last read.
    pub(crate) fn last_read(&self, tag: &str, found: &Found) -> Result<u64> {
        match found.last_read {
            Some(at) => Ok(at),
            None => {
                let base = Arc::clone(&lock(&self.live).base);
                base.last_read(tag).map_err(|e| self.index_error("read", e))
            }
        }
    }

    pub(crate) fn touch(&self, tag: &str, found: &Found) -> u64 {
        let at = meta::now();
        let mut table = lock(&self.live);
        table.touch(tag, &found.meta, found.turn, at);
        let full = table.active.cost() >= self.tuning.checkpoint_at;
        drop(table);
        if full {
            self.wake.ring();
        }
        at
    }

    /// Commits an entry, after evicting what it needs room for; gives the position to wait for.
    pub(crate) fn commit_put(
        &self,
        writer: &mut Writer,
        tag: Tag,
        slot: Slot,
        old: Option<&Meta>,
    ) -> Result<u64> {
        let held = lock(&self.live).bytes - old.map_or(0, |old| old.cost(&tag));
        let need = (held + slot.meta.cost(&tag)).saturating_sub(self.budget());
        let evicted = match need {
            0 => Vec::new(),
            _ => writer
                .cursor
                .pick(&self.live, Some(&tag), need)
                .map_err(|e| self.index_error("evict from", e))?,
        };
        let mut ops: Vec<Op> =
            evicted.iter().map(|(tag, _)| Op::Remove { tag: tag.to_string() }).collect();
        ops.push(Op::Put { tag: tag.to_string(), meta: (*slot.meta).clone() });
        let value = slot.value.clone().unwrap_or_default();
        self.append(writer, ops, &value).inspect_err(|_| writer.cursor.reset())?;
        if let Place::File { synced: false, .. } = slot.meta.place {
            writer.unsynced.extend(files::name(&tag, &slot.meta));
        }
        let position = writer.log.position();
        if let Some(old) = old {
            self.discard_file(position, &tag, old);
        }
        let mut table = lock(&self.live);
        self.remove_evicted(&mut table, position, evicted);
        table.put(tag, slot, old);
        Ok(position)
    }

    /// Commits the removal of entries; gives the position to wait for.
    pub(crate) fn commit_remove(
        &self,
        writer: &mut Writer,
        removed: Vec<Candidate>,
        evicted: bool,
    ) -> Result<u64> {
        let ops: Vec<Op> =
            removed.iter().map(|(tag, _)| Op::Remove { tag: tag.to_string() }).collect();
        self.append(writer, ops, &[]).inspect_err(|_| writer.cursor.reset())?;
        let position = writer.log.position();
        let mut table = lock(&self.live);
        match evicted {
            true => self.remove_evicted(&mut table, position, removed),
            false => removed.into_iter().for_each(|(tag, meta)| {
                self.discard_file(position, &tag, &meta);
                table.remove(tag, &meta);
            }),
        }
        Ok(position)
    }

    fn remove_evicted(&self, table: &mut LiveView, position: u64, evicted: Vec<Candidate>) {
        self.counters.evictions.add(evicted.len() as u64);
        for (tag, meta) in evicted {
            self.discard_file(position, &tag, &meta);
            table.remove(tag, &meta);
        }
    }

    pub(crate) fn discard_file(&self, position: u64, tag: &str, meta: &Meta) {
        if let Some(name) = files::name(tag, meta) {
            self.unlinks.push(position, name, meta.len);
        }
    }

    /// Appends a record, with the reads that happened since the last one.
    pub(crate) fn append(&self, writer: &mut Writer, mut ops: Vec<Op>, value: &[u8]) -> Result<()> {
        let touched = std::mem::take(&mut lock(&self.live).touched);
        let touches = touched.into_iter().map(|(tag, at)| Op::Touch { tag: tag.to_string(), at });
        ops.splice(0..0, touches);
        writer
            .log
            .append(&ops, value)
            .map_err(|e| Error::io("append to the log in", &self.paths.private, e))?;
        self.commits.appended(writer.log.position(), writer.log.file());
        Ok(())
    }

    /// Waits until a change may be acknowledged, and sees to it that upkeep happens.
    pub(crate) fn acknowledge(&self, position: u64) -> Result<()> {
        if self.is_durable() {
            self.commits
                .wait(position)
                .map_err(|e| Error::io("sync the log in", &self.paths.private, e))?;
        }
        let due =
            lock(&self.live).active.cost() >= self.tuning.checkpoint_at || self.unlinks.len() > 0;
        match (due, self.tuning.threads) {
            (true, true) => self.wake.ring(),
            // A failed upkeep is tried again; this change is safe in the log already.
            (true, false) => drop(self.upkeep(false)),
            (false, _) => {}
        }
        Ok(())
    }

    /// Holds a writer back while the log is far ahead of the index or needs to be healed.
    pub(crate) fn admit(&self) -> Result<()> {
        self.check_open()?;
        let overdue = lock(&self.live).active.cost() >= 2 * self.tuning.checkpoint_at;
        if self.commits.is_broken() {
            self.upkeep(true)?;
        } else if overdue {
            self.upkeep(false)?;
        }
        Ok(())
    }
}
