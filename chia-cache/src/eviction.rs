//! What leaves next when room is needed: the entries of the lowest ranks. Pinned entries stay.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::index::{IndexError, Snapshot, is_damage};
use crate::live::LiveView;
use crate::memtable::{Seen, Tag};
use crate::meta::Meta;
use crate::rank::{Priority, Rank};
use crate::sync::lock;

/// How many candidates are fetched from the index at a time.
const BATCH: usize = 256;

/// The most entries that one log record evicts.
const MAX_AT_ONCE: usize = 4096;

/// The most bytes of their tags, but for the last.
const MAX_TAG_BYTES: usize = 1024 * 1024;

/// An entry that is to go.
pub(crate) type Candidate = (Tag, Arc<Meta>);

/// Entries that are to be evicted by one log record.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) entries: Vec<Candidate>,
    /// The priority of the last of them.
    pub(crate) level: Priority,
    /// What they count against the budget.
    pub(crate) freed: u64,
    tag_bytes: usize,
}

impl Selection {
    fn is_full(&self) -> bool {
        self.entries.len() >= MAX_AT_ONCE || self.tag_bytes >= MAX_TAG_BYTES
    }

    fn push(&mut self, rank: Rank, tag: Tag, meta: Arc<Meta>) {
        self.freed += meta.cost(&tag);
        self.tag_bytes += tag.len();
        self.level = rank.priority;
        self.entries.push((tag, meta));
    }
}

/// A cursor over the order of eviction, which is spread over the index, the sealed memtable and the
/// active one. Entries that it passed over are found again after a [`reset`](Self::reset) or a checkpoint.
#[derive(Debug, Default)]
pub(crate) struct EvictionCursor {
    version: u64,
    index: IndexCursor,
    sealed: Option<Rank>,
}

/// Where the lowest rank is.
enum Source {
    Index,
    Sealed(Tag, Arc<Meta>),
    Active(Tag, Arc<Meta>),
}

impl EvictionCursor {
    /// Selects entries other than `spare` until `need` bytes are free or one record is full.
    pub(crate) fn select(
        &mut self,
        live: &Mutex<LiveView>,
        spare: Option<&str>,
        need: u64,
    ) -> Result<Selection, IndexError> {
        let mut selection = Selection::default();
        self.walk(live, &mut |rank, tag, meta| {
            if Some(&*tag) != spare && !meta.pinned {
                selection.push(rank, tag, meta);
            }
            selection.freed >= need || selection.is_full()
        })?;
        if selection.freed < need && !selection.is_full() {
            // The entries that were passed over may be wanted next time.
            self.reset();
        }
        Ok(selection)
    }

    /// How many entries and bytes would go to free `need` bytes.
    pub(crate) fn measure(live: &Mutex<LiveView>, need: u64) -> Result<(u64, u64), IndexError> {
        let (mut entries, mut freed) = (0, 0);
        Self::default().walk(live, &mut |_, tag, meta| {
            if !meta.pinned {
                entries += 1;
                freed += meta.cost(&tag);
            }
            freed >= need
        })?;
        Ok((entries, freed))
    }

    /// Gives entries in the order of eviction to `take`, until it returns true.
    fn walk(
        &mut self,
        live: &Mutex<LiveView>,
        take: &mut dyn FnMut(Rank, Tag, Arc<Meta>) -> bool,
    ) -> Result<(), IndexError> {
        let (version, base) = {
            let live = lock(live);
            (live.version, Arc::clone(&live.base))
        };
        if version != self.version {
            *self = Self { version, ..Self::default() };
        }
        // What is selected from the active memtable leaves it when it is committed.
        let mut active = None;
        while let Some((rank, source)) = self.lowest(live, &base, active)? {
            let (tag, meta) = match source {
                Source::Index => match self.index.take(&base)? {
                    Some(found) => found,
                    None => continue,
                },
                Source::Sealed(tag, meta) => {
                    self.sealed = Some(rank);
                    (tag, meta)
                }
                Source::Active(tag, meta) => {
                    active = Some(rank);
                    (tag, meta)
                }
            };
            if take(rank, tag, meta) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The lowest rank that is left, and where it is.
    fn lowest(
        &mut self,
        live: &Mutex<LiveView>,
        base: &Snapshot,
        active: Option<Rank>,
    ) -> Result<Option<(Rank, Source)>, IndexError> {
        loop {
            self.index.fill(base)?;
            let live = lock(live);
            let index = self.index.peek(|tag| live.overrides_base(tag));
            if index.is_none() && !self.index.done {
                continue;
            }
            let sealed = live.sealed.as_ref().and_then(|sealed| {
                let mut behind = sealed.memtable.in_order(self.sealed);
                behind.find(|(rank, tag, _)| {
                    let is_current = matches!(live.active.see(tag), Seen::Unknown);
                    if !is_current {
                        // It stays overridden: the next search begins behind it.
                        self.sealed = Some(*rank);
                    }
                    is_current
                })
            });
            let active = live.active.in_order(active).next();
            let own = |(rank, tag, meta): (Rank, &Tag, &Arc<Meta>)| {
                (rank, (Arc::clone(tag), Arc::clone(meta)))
            };
            let sources = [
                index.map(|rank| (rank, Source::Index)),
                sealed.map(own).map(|(rank, (tag, meta))| (rank, Source::Sealed(tag, meta))),
                active.map(own).map(|(rank, (tag, meta))| (rank, Source::Active(tag, meta))),
            ];
            return Ok(sources.into_iter().flatten().min_by_key(|(rank, _)| *rank));
        }
    }

    /// Forgets the cursor, because what was selected did not go after all.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A cursor over the entries of the index.
#[derive(Debug, Default)]
struct IndexCursor {
    queue: VecDeque<(Rank, String)>,
    next: Rank,
    done: bool,
}

impl IndexCursor {
    /// Fetches ranks if none are left.
    fn fill(&mut self, base: &Snapshot) -> Result<(), IndexError> {
        if !self.queue.is_empty() || self.done {
            return Ok(());
        }
        let ranked = match base.lowest(self.next, BATCH) {
            Err(e) if is_damage(&e) => Vec::new(),
            fetched => fetched?,
        };
        let next = ranked.last().and_then(|(rank, _)| rank.next());
        // In a damaged index the order may go back.
        self.done = next.is_none_or(|next| next <= self.next);
        self.next = next.unwrap_or(self.next);
        self.queue = ranked.into();
        Ok(())
    }

    /// The lowest rank here, without those of entries that `is_overridden` says changed since.
    fn peek(&mut self, is_overridden: impl Fn(&str) -> bool) -> Option<Rank> {
        while self.queue.front().is_some_and(|(_, tag)| is_overridden(tag)) {
            self.queue.pop_front();
        }
        Some(self.queue.front()?.0)
    }

    /// The entry of the lowest rank; `None` if its row is damaged. Such a row frees nothing, and must not
    /// end all eviction.
    fn take(&mut self, base: &Snapshot) -> Result<Option<Candidate>, IndexError> {
        let Some((_, tag)) = self.queue.front() else { return Ok(None) };
        let meta = match base.meta(tag) {
            Err(e) if is_damage(&e) => None,
            meta => meta?,
        };
        let tag: Tag = tag.as_str().into();
        self.queue.pop_front();
        Ok(meta.map(|meta| (tag, Arc::new(meta))))
    }
}
