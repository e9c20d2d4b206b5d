//! Who goes next when room is needed: the least recently used entries, oldest first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::index::IndexError;
use crate::live::LiveView;
use crate::memtable::{Seen, Tag};
use crate::meta::Meta;
use crate::sync::lock;

/// How many candidates are fetched from the index at a time.
const BATCH: usize = 256;

/// The most evicted of one log record.
const MAX_AT_ONCE: usize = 4096;

/// An entry that has to go.
pub(crate) type Candidate = (Tag, Arc<Meta>);

/// A cursor over the LRU order: the index first, then the sealed memtable, then the active one.
#[derive(Debug, Default)]
pub(crate) struct EvictionCursor {
    turn: u64,
    queue: VecDeque<String>,
    next: u64,
    index_done: bool,
    sealed_at: usize,
}

impl EvictionCursor {
    /// Picks entries other than `spare` until `need` bytes are free. May pick fewer than needed.
    pub(crate) fn pick(
        &mut self,
        table: &Mutex<LiveView>,
        spare: Option<&str>,
        need: u64,
    ) -> Result<Vec<Candidate>, IndexError> {
        let turn = lock(table).turn;
        if turn != self.turn {
            *self = Self { turn, ..Self::default() };
        }
        let mut picked = Picked { spare, need, freed: 0, evicted: Vec::new() };
        while !picked.enough() && !self.index_done {
            self.take_from_index(table, &mut picked)?;
        }
        if !picked.enough() {
            self.take_from_sealed(&lock(table), &mut picked);
        }
        if !picked.enough() {
            take_from_active(&lock(table), &mut picked);
        }
        Ok(picked.evicted)
    }

    fn take_from_index(
        &mut self,
        table: &Mutex<LiveView>,
        picked: &mut Picked<'_>,
    ) -> Result<(), IndexError> {
        let base = Arc::clone(&lock(table).base);
        if self.queue.is_empty() {
            let (tags, next) = base.oldest(self.next, BATCH)?;
            self.index_done = tags.is_empty();
            self.next = next;
            self.queue = tags.into();
        }
        while let Some(tag) = self.queue.front() {
            if picked.enough() {
                break;
            }
            // The entry that is being written is passed over, not dropped: the write may fail.
            let alive = Some(&**tag) != picked.spare && !lock(table).overrides_base(tag);
            if let (true, Some(meta)) = (alive, base.meta(tag)?) {
                picked.take(tag.as_str().into(), Arc::new(meta));
            }
            self.queue.pop_front();
        }
        Ok(())
    }

    fn take_from_sealed(&mut self, table: &LiveView, picked: &mut Picked<'_>) {
        let Some(sealed) = &table.sealed else { return };
        for (tag, slot) in sealed.memtable.oldest_first().skip(self.sealed_at) {
            if picked.enough() {
                return;
            }
            self.sealed_at += 1;
            if Some(&**tag) != picked.spare && matches!(table.active.see(tag), Seen::Unknown) {
                picked.take(Arc::clone(tag), Arc::clone(&slot.meta));
            }
        }
    }

    /// Forgets the cursor, because what was picked did not go after all.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

fn take_from_active(table: &LiveView, picked: &mut Picked<'_>) {
    for (tag, slot) in table.active.oldest_first() {
        if picked.enough() {
            return;
        }
        if Some(&**tag) != picked.spare {
            picked.take(Arc::clone(tag), Arc::clone(&slot.meta));
        }
    }
}

struct Picked<'a> {
    spare: Option<&'a str>,
    need: u64,
    freed: u64,
    evicted: Vec<Candidate>,
}

impl Picked<'_> {
    fn enough(&self) -> bool {
        self.freed >= self.need || self.evicted.len() >= MAX_AT_ONCE
    }

    fn take(&mut self, tag: Tag, meta: Arc<Meta>) {
        self.freed += meta.cost(&tag);
        self.evicted.push((tag, meta));
    }
}
