//! Removing: one entry, all of them, or as many as a smaller budget takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::EvictionCursor;
use crate::files;
use crate::index::Snapshot;
use crate::log::frame::Op;
use crate::memtable::Tag;
use crate::meta::Meta;
use crate::store::inner::Inner;
use crate::sync::lock;

impl Inner {
    pub(crate) fn evict(&self, tag: &str) -> Result<bool> {
        let _running = self.enter()?;
        self.admit()?;
        let mut writer = lock(&self.writer);
        let found = self.find(tag, false)?;
        // No entry is no proof that no file is left of the tag: one that is about to be unlinked would be
        // adopted after a crash, unless the log says that the tag was removed.
        let generation = self.next_generation.load(Ordering::Acquire).saturating_sub(1);
        let old = found.as_ref().map(|found| &*found.meta);
        let position = self.commit_remove(&mut writer, tag, generation, old)?;
        drop(writer);
        self.acknowledge(position)?;
        Ok(found.is_some())
    }

    /// Removes every entry; gives how many there were.
    pub(crate) fn clear(&self) -> Result<u64> {
        let _running = self.enter()?;
        self.admit()?;
        let mut writer = lock(&self.writer);
        let files = self.file_names()?;
        let generation = self.next_generation.load(Ordering::Acquire);
        self.append(&mut writer, vec![Op::Clear { generation }], &[])?;
        let position = writer.log.position();
        let mut live = lock(&self.live);
        let removed = live.entries;
        live.clear();
        drop(live);
        writer.unsynced.clear();
        drop(writer);
        for (name, meta) in files {
            self.unlinks.push(position, name, meta.len, meta.stamp());
        }
        self.acknowledge(position)?;
        Ok(removed)
    }

    /// The names of all value files, with the facts of their entries.
    pub(crate) fn file_names(&self) -> Result<Vec<(String, Arc<Meta>)>> {
        let mut names = Vec::new();
        for tag in self.tags_of_files()? {
            if let Some(found) = self.find(&tag, false)? {
                names.extend(files::name(&tag, &found.meta).map(|name| (name, found.meta)));
            }
        }
        Ok(names)
    }

    fn tags_of_files(&self) -> Result<Vec<Tag>> {
        let mut tags: Vec<Tag> = Vec::new();
        let live = lock(&self.live);
        let memtables = live.sealed.iter().map(|sealed| &sealed.memtable).chain([&live.active]);
        for memtable in memtables {
            tags.extend(
                memtable
                    .entries()
                    .filter(|(.., slot)| !slot.meta.is_inline())
                    .map(|(tag, ..)| Arc::clone(tag)),
            );
        }
        drop(live);
        let read = |base: &Snapshot| {
            let mut tags: Vec<Tag> = Vec::new();
            base.files(|_, tag| tags.push(tag.into()))?;
            Ok(tags)
        };
        tags.extend(self.read_base(read).map_err(|e| self.index_error("read", e))?);
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    /// Changes the budget; gives how many entries went.
    pub(crate) fn resize(&self, bytes: u64, allow_shrink: bool) -> Result<u64> {
        let _running = self.enter()?;
        self.admit()?;
        let held = lock(&self.live).bytes;
        self.check_shrink(bytes, held, allow_shrink)?;
        self.budget.store(bytes, Ordering::Release);
        self.shrink()
    }

    /// Fails if pinned entries do not fit a budget, or if it would evict more than a tenth of the entries
    /// of `held` bytes and `allow` is not set.
    pub(crate) fn check_shrink(&self, budget: u64, held: u64, allow: bool) -> Result<()> {
        let fail = |kind| Err(Error::new(kind, "shrink", &self.paths.dir));
        let (entries, pinned) = {
            let live = lock(&self.live);
            (live.entries, live.pinned)
        };
        if pinned > budget {
            return fail(ErrorKind::Pinned);
        }
        let need = held.saturating_sub(budget);
        if need == 0 || allow {
            return Ok(());
        }
        let measured = EvictionCursor::measure(&self.live, need);
        let (going, bytes) = measured.map_err(|e| self.index_error("read", e))?;
        match going > entries / 10 {
            true => fail(ErrorKind::Shrink { entries: going, bytes }),
            false => Ok(()),
        }
    }

    /// Evicts until the budget holds; gives how many went.
    pub(crate) fn shrink(&self) -> Result<u64> {
        let mut evicted = 0;
        loop {
            let mut writer = lock(&self.writer);
            let over = lock(&self.live).bytes.saturating_sub(self.budget());
            if over == 0 {
                return Ok(evicted);
            }
            let selection = self.select(&mut writer, None, over)?;
            if selection.entries.is_empty() {
                return Ok(evicted);
            }
            evicted += selection.entries.len() as u64;
            let position = self.commit_evictions(&mut writer, selection)?;
            drop(writer);
            self.acknowledge(position)?;
            self.admit()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::path::Path;
    use std::sync::Arc;

    use crate::io::sim::Sim;
    use crate::store::inner::Tuning;
    use crate::{ByteSize, Durability, NewEntry, Options, Origin, Store};

    /// A cursor finds the next entry to evict, and starts anew when a checkpoint has moved the entries.
    #[test]
    fn r15_the_oldest_leaves_first_across_checkpoints() {
        const ROOM: usize = 8;
        let options = Options::new(ByteSize::new(10 * ROOM as u64)).durability(Durability::Relaxed);
        let tuning = Tuning { checkpoint_at: 1 << 20, sync_all_from: 2, threads: false };
        let disk = Arc::new(Sim::default());
        let store = Store::open_with(disk, Path::new("/cache"), options, tuning).unwrap();
        let mut newest = VecDeque::new();
        for number in 10..99 {
            let tag = format!("{number}");
            store.write(&tag, [0; 8], &NewEntry::new(Origin::Real)).unwrap();
            newest.push_back(tag);
            if newest.len() > ROOM {
                newest.pop_front();
            }
            assert_eq!(store.keys().unwrap(), Vec::from_iter(newest.iter().cloned()));
            // Between two checkpoints the whole index goes, or half of it.
            if number % 11 == 0 || number % 15 == 0 {
                store.inner().upkeep(true).unwrap();
            }
        }
    }
}
