//! The changes since the index was last brought up to date, in memory and in LRU order.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;

use crate::meta::Meta;

pub(crate) type Tag = Arc<str>;

/// What a memtable costs per entry beside tag and value, roughly, in bytes.
const OVERHEAD: usize = 256;

/// An entry that was written or touched.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) meta: Arc<Meta>,
    /// Milliseconds since 1970; 0 for never.
    pub(crate) last_read: u64,
    /// Written in this memtable, rather than only touched.
    pub(crate) written: bool,
    /// The value, if it is inline and was written in this memtable.
    pub(crate) value: Option<Bytes>,
}

/// What a touch did.
#[derive(Debug)]
pub(crate) enum Touch {
    AlreadyNewest,
    Moved(Tag),
    Unknown,
}

/// What a memtable says of a tag.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    Live(&'a Slot),
    Dead,
    /// Ask the memtable below.
    Unknown,
}

/// Changes on top of an older state. Every entry in it is more recently used than any below it.
#[derive(Debug)]
pub(crate) struct Memtable {
    live: LruCache<Tag, Slot>,
    dead: HashSet<Tag>,
    /// Nothing below this memtable counts any more.
    cleared: bool,
    cost: usize,
}

impl Memtable {
    pub(crate) fn new() -> Self {
        Self { live: LruCache::unbounded(), dead: HashSet::new(), cleared: false, cost: 0 }
    }

    pub(crate) fn see(&self, tag: &str) -> Seen<'_> {
        match self.live.peek(tag) {
            Some(slot) => Seen::Live(slot),
            None if self.cleared || self.dead.contains(tag) => Seen::Dead,
            None => Seen::Unknown,
        }
    }

    /// Makes the slot the most recently used one.
    pub(crate) fn put(&mut self, tag: Tag, slot: Slot) {
        self.dead.remove(&tag);
        self.cost += OVERHEAD + tag.len() + slot.value.as_ref().map_or(0, Bytes::len);
        if let Some(old) = self.live.put(tag, slot) {
            self.cost -= OVERHEAD.min(self.cost);
            self.cost -= old.value.map_or(0, |value| value.len()).min(self.cost);
        }
    }

    /// Makes an entry the most recently used one, if it is here.
    pub(crate) fn touch(&mut self, tag: &str, at: u64) -> Touch {
        let newest = self.live.peek_mru().is_some_and(|(newest, _)| **newest == *tag);
        match self.live.get_key_value_mut(tag) {
            Some((tag, slot)) => {
                slot.last_read = at;
                if newest { Touch::AlreadyNewest } else { Touch::Moved(Arc::clone(tag)) }
            }
            None => Touch::Unknown,
        }
    }

    pub(crate) fn remove(&mut self, tag: Tag) {
        if let Some(old) = self.live.pop(&tag) {
            self.cost -= old.value.map_or(0, |value| value.len()).min(self.cost);
        }
        if !self.cleared {
            self.cost += OVERHEAD + tag.len();
            self.dead.insert(tag);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { cleared: true, ..Self::new() };
    }

    pub(crate) fn is_cleared(&self) -> bool {
        self.cleared
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.dead.is_empty() && !self.cleared
    }

    /// Bytes of memory, roughly.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    pub(crate) fn dead(&self) -> impl Iterator<Item = &Tag> {
        self.dead.iter()
    }

    /// The entries, the least recently used one first.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = (&Tag, &Slot)> {
        self.live.iter().rev()
    }
}
