//! The changes since the index was last brought up to date, in memory and in the order of eviction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::meta::Meta;
use crate::rank::Rank;

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

/// What a memtable says of a tag.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    Live(&'a Slot),
    Dead,
    /// Ask the memtable below.
    Unknown,
}

/// Changes on top of an older state.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    live: HashMap<Tag, (Rank, Slot)>,
    order: BTreeMap<Rank, Tag>,
    dead: HashSet<Tag>,
    /// Nothing below this memtable counts any more.
    cleared: bool,
    cost: usize,
}

impl Memtable {
    pub(crate) fn see(&self, tag: &str) -> Seen<'_> {
        match self.live.get(tag) {
            Some((_, slot)) => Seen::Live(slot),
            None if self.cleared || self.dead.contains(tag) => Seen::Dead,
            None => Seen::Unknown,
        }
    }

    /// Puts an entry in, with a rank that no other entry has.
    pub(crate) fn put(&mut self, tag: Tag, rank: Rank, slot: Slot) {
        self.dead.remove(&tag);
        self.cost += OVERHEAD + tag.len() + slot.value.as_ref().map_or(0, Bytes::len);
        self.order.insert(rank, Arc::clone(&tag));
        if let Some((old_rank, old)) = self.live.insert(tag, (rank, slot)) {
            self.order.remove(&old_rank);
            self.cost -= OVERHEAD.min(self.cost);
            self.cost -= old.value.map_or(0, |value| value.len()).min(self.cost);
        }
    }

    /// The rank of an entry that is here, with its tag and its facts.
    pub(crate) fn rank(&self, tag: &str) -> Option<(Rank, &Tag, &Arc<Meta>)> {
        let (tag, (rank, slot)) = self.live.get_key_value(tag)?;
        Some((*rank, tag, &slot.meta))
    }

    /// Notes a read of an entry that is here, which gives it a new rank.
    pub(crate) fn touch(&mut self, tag: &str, rank: Rank, at: u64) {
        if let Some((old_rank, slot)) = self.live.get_mut(tag) {
            slot.last_read = at;
            if let Some(tag) = self.order.remove(old_rank) {
                self.order.insert(rank, tag);
            }
            *old_rank = rank;
        }
    }

    pub(crate) fn remove(&mut self, tag: Tag) {
        if let Some((rank, old)) = self.live.remove(&tag) {
            self.order.remove(&rank);
            self.cost -= old.value.map_or(0, |value| value.len()).min(self.cost);
        }
        if !self.cleared {
            self.cost += OVERHEAD + tag.len();
            self.dead.insert(tag);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { cleared: true, ..Self::default() };
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

    /// The entries, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Tag, Rank, &Slot)> {
        self.live.iter().map(|(tag, (rank, slot))| (tag, *rank, slot))
    }

    /// The entries behind `after` in the order of eviction.
    pub(crate) fn in_order(
        &self,
        after: Option<Rank>,
    ) -> impl Iterator<Item = (Rank, &Tag, &Arc<Meta>)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ranked = self.order.range((from, Bound::Unbounded));
        ranked.filter_map(|(rank, tag)| Some((*rank, tag, &self.live.get(tag)?.1.meta)))
    }
}
