//! Bringing the index and the directory together: one listing; files that have an entry are not opened.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Recovery;
use crate::error::{Error, Result};
use crate::files::{self, Finding};
use crate::memtable::Slot;
use crate::meta::Meta;
use crate::report::Ignored;
use crate::sync::lock;

impl Recovery<'_> {
    pub(super) fn reconcile(&mut self) -> Result<()> {
        let inner = self.inner;
        let base = Arc::clone(&lock(&inner.live).base);
        let read = |e| inner.index_error("read", e);
        let mut strangers = Vec::new();
        let mut known = 0;
        let mut failed = None;
        self.list(&mut |name| match base.has_file(name) {
            Ok(true) => known += 1,
            Ok(false) => strangers.push(name.to_owned()),
            Err(e) => failed = Some(e),
        })?;
        if let Some(e) = failed {
            return Err(read(e));
        }
        if known < base.file_count().map_err(read)? {
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
        let mut missing = HashMap::new();
        base.files(|name, tag| drop(missing.insert(name.to_owned(), tag.to_owned())))
            .map_err(|e| inner.index_error("read", e))?;
        self.list(&mut |name| drop(missing.remove(name)))?;
        for tag in missing.into_values() {
            if let Some(found) = inner.find(&tag, false)? {
                let gone = vec![(tag.as_str().into(), found.meta)];
                inner.commit_remove(&mut lock(&inner.writer), gone, false)?;
                self.report.lost.push(tag);
            }
        }
        Ok(())
    }

    /// Decides about files without an entry: adopt, remove or leave.
    fn settle(&mut self, strangers: Vec<String>) -> Result<()> {
        let mut adopted = Vec::new();
        for name in strangers {
            let ours = files::generation(&name);
            if ours.is_none() && !files::is_pickle(&name) {
                continue;
            }
            let next = ours.unwrap_or_default().saturating_add(1);
            self.inner.next_generation.fetch_max(next, Ordering::AcqRel);
            if let Some((tag, meta)) = self.look(name)? {
                adopted.push((meta.created, next, tag, meta));
            }
        }
        // The newest file of a tag counts, and the oldest entry is the first to go.
        adopted.sort_by_key(|(created, generation, ..)| (*created, *generation));
        let mut seen = HashSet::new();
        let mut newest: Vec<_> = adopted.into_iter().rev().collect();
        newest.retain(|(_, _, tag, meta)| self.is_first(seen.insert(tag.clone()), tag, meta));
        for (_, _, tag, meta) in newest.into_iter().rev() {
            self.adopt(tag, meta);
        }
        Ok(())
    }

    fn is_first(&mut self, first: bool, tag: &str, meta: &Meta) -> bool {
        if !first {
            let name = files::name(tag, meta).unwrap_or_default();
            self.report
                .ignored
                .push(Ignored { name, why: "a newer file has the same tag".to_owned() });
        }
        first
    }

    /// What becomes of one file: an entry, or nothing.
    fn look(&mut self, name: String) -> Result<Option<(String, Meta)>> {
        let inner = self.inner;
        let path = inner.paths.dir.join(&name);
        let finding = files::find(&*inner.io, &inner.paths.dir, &name)
            .map_err(|e| Error::io("read", &path, e))?;
        let (tag, meta) = match finding {
            // The last owner died between a file and its record, or its eviction and its unlink.
            Finding::Ours(trailer) if trailer.store == inner.id && self.crashed => {
                return self.sweep(&name);
            }
            Finding::Ours(trailer) => (trailer.tag, trailer.meta),
            Finding::Pickle { .. } if self.given_up.contains(&name) => return self.sweep(&name),
            Finding::Pickle { tag, meta } => (tag, meta),
            Finding::Other(_) if self.crashed && files::generation(&name).is_some() => {
                return self.sweep(&name);
            }
            Finding::Other(why) => return Ok(self.ignore(name, why.to_string())),
        };
        if inner.find(&tag, false)?.is_some() {
            return Ok(self.ignore(name, "there is an entry with its tag already".to_owned()));
        }
        Ok(Some((tag, meta)))
    }

    fn sweep<T>(&mut self, name: &str) -> Result<Option<T>> {
        let path = self.inner.paths.dir.join(name);
        self.inner.io.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
        self.report.leftovers += 1;
        Ok(None)
    }

    fn ignore<T>(&mut self, name: String, why: String) -> Option<T> {
        tracing::warn!(name, why, "a file in the cache directory is no entry");
        self.report.ignored.push(Ignored { name, why });
        None
    }

    fn adopt(&mut self, tag: String, meta: Meta) {
        self.report.adopted += 1;
        let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value: None };
        lock(&self.inner.live).put(tag.into(), slot, None);
    }
}
