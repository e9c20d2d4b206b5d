//! Bringing the index and the directory together: one listing; files that have an entry are not opened.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Recovery;
use super::look::Verdict;
use crate::error::{Error, Result};
use crate::files;
use crate::index::is_damage;
use crate::memtable::Slot;
use crate::meta::{Meta, Place};
use crate::report::Ignored;
use crate::sync::lock;

/// A file that is to become an entry.
pub(super) struct Adoption {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) meta: Meta,
    /// Written by this store, rather than put there by somebody.
    pub(super) ours: bool,
}

impl Recovery<'_> {
    pub(super) fn reconcile(&mut self) -> Result<()> {
        let inner = self.inner;
        let base = Arc::clone(&lock(&inner.live).base);
        let mut strangers = Vec::new();
        let mut known = 0;
        let mut failed = None;
        self.list(&mut |name| match base.has_file(name) {
            Ok(true) => known += 1,
            Err(e) if !is_damage(&e) => failed = Some(e),
            _ => strangers.push(name.to_owned()),
        })?;
        if let Some(e) = failed {
            return Err(inner.index_error("read", e));
        }
        if base.file_count().map_or(true, |count| known < count) {
            self.drop_lost()?;
        }
        self.settle(strangers)
    }

    fn list(&self, each: &mut dyn FnMut(&str)) -> Result<()> {
        let dir = &self.inner.paths.dir;
        self.inner.io.list(dir, each).map_err(|e| Error::io("list", dir, e))
    }

    /// Drops the entries whose file is gone.
    fn drop_lost(&mut self) -> Result<()> {
        let inner = self.inner;
        let base = Arc::clone(&lock(&inner.live).base);
        let mut missing = BTreeMap::new();
        match base.files(|name, tag| drop(missing.insert(name.to_owned(), tag.to_owned()))) {
            Err(e) if !is_damage(&e) => return Err(inner.index_error("read", e)),
            _ => {}
        }
        self.list(&mut |name| drop(missing.remove(name)))?;
        for (name, tag) in missing {
            if let Some(found) = inner.find(&tag, false)?
                && files::name(&tag, &found.meta) == Some(name)
            {
                lock(&inner.live).remove(tag.as_str().into(), &found.meta);
                self.report.lost.push(tag);
            }
        }
        Ok(())
    }

    /// Decides about files without an entry: adopt, remove or leave.
    fn settle(&mut self, strangers: Vec<String>) -> Result<()> {
        let mut adoptions = Vec::new();
        for name in strangers {
            let ours = files::generation(&name);
            if ours.is_none() && !files::is_pickle(&name) {
                continue;
            }
            match self.look(&name)? {
                Verdict::Adopt(adoption) => {
                    self.see_generation(adoption.meta.generation);
                    adoptions.push(adoption);
                }
                Verdict::Sweep => self.sweep(&name)?,
                Verdict::Quarantine(why) => self.quarantine(&name, why),
                Verdict::Ignore(why) => self.ignore(name, why),
                Verdict::Known => {}
            }
        }
        self.adopt_all(adoptions)
    }

    /// Our own files first. The newest real file of a tag counts, else the newest, and the oldest entry is the first to go.
    fn adopt_all(&mut self, mut adoptions: Vec<Adoption>) -> Result<()> {
        let age = |one: &Adoption| (one.meta.created, one.meta.generation);
        adoptions.sort_by_key(|one| (!one.ours, age(one)));
        let first_stranger = adoptions.partition_point(|one| one.ours);
        // Of what somebody put there, the newest is the first to get room.
        adoptions[first_stranger..].reverse();
        // A replacement beside a real result is one that gave way to it and was not unlinked yet.
        let rank = |one: &Adoption| (one.meta.origin.is_original(), one.meta.generation);
        let mut best: HashMap<String, (bool, u64)> = HashMap::new();
        for one in adoptions.iter().filter(|one| one.ours) {
            let best = best.entry(one.tag.clone()).or_default();
            *best = rank(one).max(*best);
        }
        for one in adoptions {
            if one.ours && best.get(&one.tag).is_some_and(|best| *best > rank(&one)) {
                self.sweep(&one.name)?;
            } else {
                self.adopt(one)?;
            }
        }
        Ok(())
    }

    pub(super) fn sweep(&mut self, name: &str) -> Result<()> {
        let path = self.inner.paths.dir.join(name);
        match self.inner.io.remove(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(|e| Error::io("remove", &path, e))?,
        }
        self.report.leftovers += 1;
        // It is made durable before the store stops cleanly: a leftover that is back would be adopted.
        self.inner.unlinked.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn ignore(&mut self, name: String, why: String) {
        tracing::warn!(name, why, "a file in the cache directory is no entry");
        self.report.ignored.push(Ignored { name, why });
    }

    fn adopt(&mut self, one: Adoption) -> Result<()> {
        let Adoption { name, tag, mut meta, ours } = one;
        let inner = self.inner;
        let old = inner.find(&tag, false)?;
        if !ours {
            let freed = old.as_ref().map_or(0, |old| old.meta.cost(&tag));
            let room = inner.budget().saturating_sub(lock(&inner.live).bytes) + freed;
            if old.as_ref().is_some_and(|old| !is_rewritten(&old.meta, &meta)) {
                self.ignore(name, "there is an entry with its tag already".to_owned());
                return Ok(());
            }
            if meta.cost(&tag) > room {
                let why = format!("{} bytes do not fit beside the entries", meta.cost(&tag));
                self.ignore(name, why);
                return Ok(());
            }
            meta.generation = inner.next_generation();
        }
        self.report.adopted += 1;
        if let Some(old) = &old {
            // A file says how it was written. That its tag was pinned by then is known only here. A pin that
            // does not fit the budget would be a reason to refuse the opening.
            let others = lock(&inner.live).pinned.saturating_sub(old.meta.pinned_cost(&tag));
            meta.pinned |= old.meta.pinned && others + meta.cost(&tag) <= inner.budget();
            inner.discard_file(0, &tag, &old.meta);
        }
        let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value: None };
        lock(&inner.writer).unsynced.push(name);
        lock(&inner.live).put(tag.into(), slot, old.as_ref().map(|old| &*old.meta));
        Ok(())
    }
}

/// Whether a file of the Python original was written after the entry of its tag: a loop of the original
/// has used the directory meanwhile, and its value is the current one.
fn is_rewritten(entry: &Meta, file: &Meta) -> bool {
    matches!(file.place, Place::Found { stamp: Some(_), .. }) && file.created > entry.created
}
