//! What goes next when room is needed: the least recently used entries, oldest first. Pinned entries stay.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::index::{IndexError, Snapshot, is_damage};
use crate::live::LiveView;
use crate::memtable::{Seen, Tag};
use crate::meta::Meta;
use crate::sync::lock;

/// How many candidates are fetched from the index at a time.
const BATCH: usize = 256;

/// The most entries that one log record evicts.
const MAX_AT_ONCE: usize = 4096;

/// The most bytes of their tags, but for the last.
const MAX_TAG_BYTES: usize = 1024 * 1024;

/// An entry that is to go.
pub(crate) type Candidate = (Tag, Arc<Meta>);

/// A cursor over the LRU order: the index first, then the sealed memtable, then the active one.
#[derive(Debug, Default)]
pub(crate) struct EvictionCursor {
    version: u64,
    queue: VecDeque<String>,
    next: u64,
    index_done: bool,
    sealed_at: usize,
}

impl EvictionCursor {
    /// Picks entries other than `spare` until `need` bytes are free or one record is full.
    pub(crate) fn pick(
        &mut self,
        live: &Mutex<LiveView>,
        spare: Option<&str>,
        need: u64,
    ) -> Result<Vec<Candidate>, IndexError> {
        let version = lock(live).version;
        if version != self.version {
            *self = Self { version, ..Self::default() };
        }
        let mut picked =
            Picked { spare, need, freed: 0, tag_bytes: 0, entries: Vec::new(), unbounded: false };
        while !picked.is_enough() && !self.index_done {
            self.take_from_index(live, &mut picked)?;
        }
        if !picked.is_enough() {
            self.take_from_sealed(&lock(live), &mut picked);
        }
        if !picked.is_enough() {
            take_from_active(&lock(live), &mut picked);
        }
        Ok(picked.entries)
    }

    /// How many entries and bytes would go to free `need` bytes.
    pub(crate) fn measure(live: &Mutex<LiveView>, need: u64) -> Result<(u64, u64), IndexError> {
        let mut cursor = Self { version: lock(live).version, ..Self::default() };
        let mut picked = Picked {
            spare: None,
            need,
            freed: 0,
            tag_bytes: 0,
            entries: Vec::new(),
            unbounded: true,
        };
        let mut entries = 0;
        while !picked.is_enough() && !cursor.index_done {
            cursor.take_from_index(live, &mut picked)?;
            entries += picked.entries.drain(..).count() as u64;
        }
        cursor.take_from_sealed(&lock(live), &mut picked);
        take_from_active(&lock(live), &mut picked);
        Ok((entries + picked.entries.len() as u64, picked.freed))
    }

    fn take_from_index(
        &mut self,
        live: &Mutex<LiveView>,
        picked: &mut Picked<'_>,
    ) -> Result<(), IndexError> {
        let base = Arc::clone(&lock(live).base);
        if self.queue.is_empty() {
            self.fetch(&base)?;
        }
        while let Some(tag) = self.queue.front() {
            if picked.is_enough() {
                break;
            }
            // The entry that is being written is passed over, not dropped: the write may fail.
            let alive = Some(&**tag) != picked.spare && !lock(live).overrides_base(tag);
            if alive {
                match base.meta(tag) {
                    Ok(Some(meta)) => picked.take(tag.as_str().into(), Arc::new(meta)),
                    Ok(None) => {}
                    // A damaged row frees nothing, and must not end all eviction.
                    Err(e) if is_damage(&e) => {}
                    Err(e) => return Err(e),
                }
            }
            self.queue.pop_front();
        }
        Ok(())
    }

    fn fetch(&mut self, base: &Snapshot) -> Result<(), IndexError> {
        let (tags, next) = match base.oldest(self.next, BATCH) {
            Err(e) if is_damage(&e) => (Vec::new(), self.next),
            fetched => fetched?,
        };
        // In a damaged index the order may go back.
        self.index_done = tags.is_empty() || next <= self.next;
        self.next = next;
        self.queue = tags.into();
        Ok(())
    }

    fn take_from_sealed(&mut self, live: &LiveView, picked: &mut Picked<'_>) {
        let Some(sealed) = &live.sealed else { return };
        for (tag, slot) in sealed.memtable.oldest_first().skip(self.sealed_at) {
            if picked.is_enough() {
                return;
            }
            self.sealed_at += 1;
            if Some(&**tag) != picked.spare && matches!(live.active.see(tag), Seen::Unknown) {
                picked.take(Arc::clone(tag), Arc::clone(&slot.meta));
            }
        }
    }

    /// Forgets the cursor, because what was picked did not go after all.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

fn take_from_active(live: &LiveView, picked: &mut Picked<'_>) {
    for (tag, slot) in live.active.oldest_first() {
        if picked.is_enough() {
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
    tag_bytes: usize,
    entries: Vec<Candidate>,
    /// Whether one record may hold them all is no matter.
    unbounded: bool,
}

impl Picked<'_> {
    fn is_enough(&self) -> bool {
        let full = self.entries.len() >= MAX_AT_ONCE || self.tag_bytes >= MAX_TAG_BYTES;
        self.freed >= self.need || full && !self.unbounded
    }

    fn take(&mut self, tag: Tag, meta: Arc<Meta>) {
        if !meta.pinned {
            self.freed += meta.cost(&tag);
            self.tag_bytes += tag.len();
            self.entries.push((tag, meta));
        }
    }
}
