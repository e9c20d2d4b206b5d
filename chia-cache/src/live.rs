//! The live state: memtables of changes in memory on top of the index.

use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;

use crate::Policy;
use crate::index::{Snapshot, Totals};
use crate::memtable::{Memtable, Seen, Slot, Tag};
use crate::meta::Meta;
use crate::rank::{Priority, Rank};

/// A memtable that no longer changes and is on its way into the index.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) memtable: Memtable,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) pinned: u64,
    pub(crate) ranks: Ranks,
    pub(crate) at: Checkpoint,
}

/// What the next rank depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranks {
    pub(crate) policy: Policy,
    /// The priority of the entry that was evicted last.
    pub(crate) level: Priority,
    /// The sequence of the next rank.
    pub(crate) next: u64,
}

impl Ranks {
    fn take(&mut self, tag: &str, meta: &Meta) -> Rank {
        let rank =
            Rank { priority: self.policy.priority(self.level, tag, meta), sequence: self.next };
        self.next += 1;
        rank
    }

    /// Notes the priority of an evicted entry.
    pub(crate) fn raise(&mut self, level: Priority) {
        if self.policy != Policy::Lru {
            self.level = self.level.max(level);
        }
    }

    /// Whether an entry has the rank that a read now would give it.
    fn is_newest(&self, rank: Rank, tag: &str, meta: &Meta) -> bool {
        rank.sequence + 1 == self.next
            && rank.priority == self.policy.priority(self.level, tag, meta)
    }
}

/// What a checkpoint reaches to.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// The log that the index will have caught up with.
    pub(crate) epoch: u64,
    /// The end of that log, as a position of the group commit.
    pub(crate) position: u64,
    /// No file of a generation below this is being written.
    pub(crate) settled: u64,
    /// Files that must be made durable first.
    pub(crate) unsynced: Vec<String>,
}

/// Layers, youngest first, and the totals over all of them.
#[derive(Debug)]
pub(crate) struct LiveView {
    pub(crate) active: Memtable,
    pub(crate) sealed: Option<Arc<Sealed>>,
    pub(crate) base: Arc<Snapshot>,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Bytes of pinned entries.
    pub(crate) pinned: u64,
    pub(crate) ranks: Ranks,
    /// Goes up whenever a memtable moves, so that an earlier look can be distinguished from the present state.
    pub(crate) version: u64,
    /// Reads that the log does not know of yet, and when they were. They go there with the next change:
    /// a read alone is not worth a write.
    touched: LruCache<Tag, u64>,
    touched_bytes: usize,
}

/// The most reads that one change takes to the log. More would slow it down, and what a crash then
/// takes is only the order in which entries leave.
const MAX_TOUCHED: usize = 256;

/// The most bytes of their tags.
const MAX_TOUCHED_BYTES: usize = 256 * 1024;

/// What the memtables say of a tag.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// All there is to know, but for an inline value that is further down.
    Here {
        meta: Arc<Meta>,
        last_read: u64,
        value: Option<Bytes>,
    },
    Gone,
    /// Ask the index.
    Below,
}

impl LiveView {
    pub(crate) fn new(base: Arc<Snapshot>, totals: &Totals) -> Self {
        Self {
            active: Memtable::default(),
            sealed: None,
            base,
            entries: totals.entries,
            bytes: totals.bytes,
            pinned: totals.pinned,
            ranks: Ranks {
                policy: totals.policy(),
                level: Priority::from_bits(totals.level),
                next: totals.next_order,
            },
            version: 0,
            touched: LruCache::unbounded(),
            touched_bytes: 0,
        }
    }

    pub(crate) fn overlay(&self, tag: &str) -> Overlay {
        match self.active.see(tag) {
            Seen::Live(slot) => {
                let value = match &slot.value {
                    None if !slot.written => {
                        self.sealed_slot(tag).and_then(|below| below.value.clone())
                    }
                    value => value.clone(),
                };
                Overlay::Here { meta: Arc::clone(&slot.meta), last_read: slot.last_read, value }
            }
            Seen::Dead => Overlay::Gone,
            Seen::Unknown => self.sealed_overlay(tag),
        }
    }

    fn sealed_overlay(&self, tag: &str) -> Overlay {
        match self.sealed.as_ref().map_or(Seen::Unknown, |sealed| sealed.memtable.see(tag)) {
            Seen::Live(slot) => Overlay::Here {
                meta: Arc::clone(&slot.meta),
                last_read: slot.last_read,
                value: slot.value.clone(),
            },
            Seen::Dead => Overlay::Gone,
            Seen::Unknown => Overlay::Below,
        }
    }

    fn sealed_slot(&self, tag: &str) -> Option<&Slot> {
        match self.sealed.as_ref()?.memtable.see(tag) {
            Seen::Live(slot) => Some(slot),
            _ => None,
        }
    }

    /// Whether the memtables say anything of the tag, so that the index's word no longer counts.
    pub(crate) fn overrides_base(&self, tag: &str) -> bool {
        !matches!(self.active.see(tag), Seen::Unknown) || self.overrides_sealed_base(tag)
    }

    fn overrides_sealed_base(&self, tag: &str) -> bool {
        self.sealed
            .as_ref()
            .is_some_and(|sealed| !matches!(sealed.memtable.see(tag), Seen::Unknown))
    }

    /// Calls `each` with the tag of every entry that a memtable has.
    pub(crate) fn each_in_memory(&self, mut each: impl FnMut(&str)) {
        self.active.entries().for_each(|(tag, ..)| each(tag));
        if let Some(sealed) = &self.sealed {
            let below = sealed.memtable.entries();
            below
                .filter(|(tag, ..)| matches!(self.active.see(tag), Seen::Unknown))
                .for_each(|(tag, ..)| each(tag));
        }
    }

    /// Puts an entry on top; `old` is what it takes the place of.
    pub(crate) fn put(&mut self, tag: Tag, slot: Slot, old: Option<&Meta>) {
        self.forget(&tag, old);
        self.entries += 1;
        self.bytes += slot.meta.cost(&tag);
        self.pinned += slot.meta.pinned_cost(&tag);
        let rank = self.ranks.take(&tag, &slot.meta);
        self.active.put(tag, rank, slot);
    }

    pub(crate) fn remove(&mut self, tag: Tag, old: &Meta) {
        self.forget(&tag, Some(old));
        self.active.remove(tag);
    }

    fn forget(&mut self, tag: &str, old: Option<&Meta>) {
        if let Some(old) = old {
            self.entries = self.entries.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(old.cost(tag));
            self.pinned = self.pinned.saturating_sub(old.pinned_cost(tag));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
        self.entries = 0;
        self.bytes = 0;
        self.pinned = 0;
    }

    /// Notes a read of the entry, which gives it a new rank. `version` is when `meta` was seen: the entry
    /// may be gone since, and if memtables have moved the read is not noted.
    pub(crate) fn touch(&mut self, tag: &str, meta: &Arc<Meta>, version: u64, at: u64) {
        if let Some((mut rank, known, meta)) = self.active.rank(tag) {
            if !self.ranks.is_newest(rank, tag, meta) {
                rank = self.ranks.take(tag, meta);
                let known = Arc::clone(known);
                self.note_touch(known, at);
            }
            return self.active.touch(tag, rank, at);
        }
        let known = matches!(self.active.see(tag), Seen::Unknown)
            && !matches!(self.sealed_overlay(tag), Overlay::Gone);
        if known && self.version == version {
            let rank = self.ranks.take(tag, meta);
            let slot = Slot { meta: Arc::clone(meta), last_read: at, written: false, value: None };
            let tag: Tag = tag.into();
            self.active.put(Arc::clone(&tag), rank, slot);
            self.note_touch(tag, at);
        }
    }

    /// Keeps the newest reads for the log, as many as one change takes there.
    fn note_touch(&mut self, tag: Tag, at: u64) {
        self.touched_bytes += tag.len();
        if let Some((old, _)) = self.touched.push(tag, at) {
            self.touched_bytes -= old.len();
        }
        while self.touched.len() > MAX_TOUCHED || self.touched_bytes > MAX_TOUCHED_BYTES {
            let Some((old, _)) = self.touched.pop_lru() else { return };
            self.touched_bytes -= old.len();
        }
    }

    /// Takes the reads that the log does not know of yet, the oldest first.
    pub(crate) fn take_touched(&mut self) -> Vec<(Tag, u64)> {
        self.touched_bytes = 0;
        std::iter::from_fn(|| self.touched.pop_lru()).collect()
    }

    /// Starts a new memtable and seals the one that was active.
    pub(crate) fn seal(&mut self, at: Checkpoint) {
        let memtable = std::mem::take(&mut self.active);
        let (entries, bytes, pinned, ranks) = (self.entries, self.bytes, self.pinned, self.ranks);
        self.sealed = Some(Arc::new(Sealed { memtable, entries, bytes, pinned, ranks, at }));
        self.version += 1;
    }

    /// The index was opened again.
    pub(crate) fn rebase(&mut self, base: Arc<Snapshot>) {
        self.base = base;
        self.version += 1;
    }

    /// The sealed memtable is in the index now.
    pub(crate) fn checkpointed(&mut self, base: Arc<Snapshot>) {
        self.base = base;
        self.sealed = None;
        self.version += 1;
    }
}
