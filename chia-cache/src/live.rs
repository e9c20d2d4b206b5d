//! The live state: memtables of changes in memory on top of the index.

use std::sync::Arc;

use bytes::Bytes;

use crate::index::{Snapshot, Totals};
use crate::memtable::{Memtable, Seen, Slot, Tag, Touch};
use crate::meta::Meta;

/// A memtable that no longer changes and is on its way into the index.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) memtable: Memtable,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) pinned: u64,
    pub(crate) at: Checkpoint,
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
    /// Goes up whenever a memtable moves, so that what was seen before can be told from what is.
    pub(crate) version: u64,
    /// Reads that the log does not know of yet. They go there with the next change: a read alone is
    /// not worth a write.
    pub(crate) touched: Vec<(Tag, u64)>,
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
            active: Memtable::new(),
            sealed: None,
            base,
            entries: totals.entries,
            bytes: totals.bytes,
            pinned: totals.pinned,
            version: 0,
            touched: Vec::new(),
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
        self.active.oldest_first().for_each(|(tag, _)| each(tag));
        if let Some(sealed) = &self.sealed {
            let below = sealed.memtable.oldest_first();
            below
                .filter(|(tag, _)| matches!(self.active.see(tag), Seen::Unknown))
                .for_each(|(tag, _)| each(tag));
        }
    }

    /// Puts an entry on top; `old` is what it takes the place of.
    pub(crate) fn put(&mut self, tag: Tag, slot: Slot, old: Option<&Meta>) {
        self.forget(&tag, old);
        self.entries += 1;
        self.bytes += slot.meta.cost(&tag);
        self.pinned += slot.meta.pinned_cost(&tag);
        self.active.put(tag, slot);
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

    /// Makes the entry the most recently used one. `version` is when `meta` was seen: the entry may be
    /// gone since, and if memtables have moved there is no telling, so the touch is dropped.
    pub(crate) fn touch(&mut self, tag: &str, meta: &Arc<Meta>, version: u64, at: u64) {
        match self.active.touch(tag, at) {
            Touch::AlreadyNewest => return,
            Touch::Moved(tag) => return self.note_touch(tag, at),
            Touch::Unknown => {}
        }
        let known = matches!(self.active.see(tag), Seen::Unknown)
            && !matches!(self.sealed_overlay(tag), Overlay::Gone);
        if known && self.version == version {
            let slot = Slot { meta: Arc::clone(meta), last_read: at, written: false, value: None };
            let tag: Tag = tag.into();
            self.active.put(Arc::clone(&tag), slot);
            self.note_touch(tag, at);
        }
    }

    fn note_touch(&mut self, tag: Tag, at: u64) {
        let bytes = self.touched_bytes + tag.len();
        if self.touched.len() < MAX_TOUCHED && bytes <= MAX_TOUCHED_BYTES {
            self.touched_bytes = bytes;
            self.touched.push((tag, at));
        }
    }

    /// Takes the reads that the log does not know of yet.
    pub(crate) fn take_touched(&mut self) -> Vec<(Tag, u64)> {
        self.touched_bytes = 0;
        std::mem::take(&mut self.touched)
    }

    /// Starts a new memtable and seals the one that was active.
    pub(crate) fn seal(&mut self, at: Checkpoint) {
        let memtable = std::mem::replace(&mut self.active, Memtable::new());
        let (entries, bytes, pinned) = (self.entries, self.bytes, self.pinned);
        self.sealed = Some(Arc::new(Sealed { memtable, entries, bytes, pinned, at }));
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
