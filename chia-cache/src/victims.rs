//! Who goes next when room is needed: the least recently used entries, oldest first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::index::IndexError;
use crate::layer::{Seen, Tag};
use crate::lock;
use crate::meta::Meta;
use crate::table::Table;

/// How many candidates are fetched from the index at a time.
const BATCH: usize = 256;

/// The most victims of one log record.
const MAX_AT_ONCE: usize = 4096;

/// An entry that has to go.
pub(crate) type Victim = (Tag, Arc<Meta>);

/// A cursor over the LRU order: the index first, then the frozen layer, then the active one.
#[derive(Debug, Default)]
pub(crate) struct Victims {
    turn: u64,
    queue: VecDeque<String>,
    next: u64,
    index_done: bool,
    frozen_at: usize,
}

impl Victims {
    /// Picks entries other than `spare` until `need` bytes are free. May pick fewer than needed.
    pub(crate) fn pick(
        &mut self,
        table: &Mutex<Table>,
        spare: Option<&str>,
        need: u64,
    ) -> Result<Vec<Victim>, IndexError> {
        let turn = lock(table).turn;
        if turn != self.turn {
            *self = Self { turn, ..Self::default() };
        }
        let mut picked = Picked { spare, need, freed: 0, victims: Vec::new() };
        while !picked.enough() && !self.index_done {
            self.take_from_index(table, &mut picked)?;
        }
        if !picked.enough() {
            self.take_from_frozen(&lock(table), &mut picked);
        }
        if !picked.enough() {
            take_from_active(&lock(table), &mut picked);
        }
        Ok(picked.victims)
    }

    fn take_from_index(
        &mut self,
        table: &Mutex<Table>,
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

    fn take_from_frozen(&mut self, table: &Table, picked: &mut Picked<'_>) {
        let Some(frozen) = &table.frozen else { return };
        for (tag, slot) in frozen.layer.oldest_first().skip(self.frozen_at) {
            if picked.enough() {
                return;
            }
            self.frozen_at += 1;
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

fn take_from_active(table: &Table, picked: &mut Picked<'_>) {
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
    victims: Vec<Victim>,
}

impl Picked<'_> {
    fn enough(&self) -> bool {
        self.freed >= self.need || self.victims.len() >= MAX_AT_ONCE
    }

    fn take(&mut self, tag: Tag, meta: Arc<Meta>) {
        self.freed += meta.cost(&tag);
        self.victims.push((tag, meta));
    }
}
