//! Applying what the last owner's log adds to the index.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Recovery, file_name};
use crate::error::Result;
use crate::files;
use crate::io::Open;
use crate::log;
use crate::log::frame::{Op, Record};
use crate::log::segment::Segment;
use crate::memtable::Slot;
use crate::meta::{Meta, Place};
use crate::quarantine::Quarantine;
use crate::rank::Priority;
use crate::report::Quarantined;
use crate::sync::lock;

impl Recovery<'_> {
    pub(super) fn replay(&mut self, segment: &Segment) -> Result<()> {
        let mut synced_before = 0;
        let tail = segment.replay(&mut |_, record| {
            for op in record.ops {
                if let Op::FilesSynced { before } = op {
                    synced_before = synced_before.max(before);
                }
            }
            Ok(())
        })?;
        segment.replay(&mut |begin, record| {
            self.report.replayed += 1;
            self.apply(record, begin < synced_before)?;
            self.bound_memory()
        })?;
        // The checkpoint that follows has these reads. In the new log they would count once more, and later.
        drop(lock(&self.inner.live).take_touched());
        if tail.gap {
            self.note_gap(segment);
        }
        Ok(())
    }

    /// Records are missing in the middle: what they said is unknown, so nothing is removed on a guess.
    fn note_gap(&mut self, segment: &Segment) {
        self.lost_log = true;
        let (io, paths) = (&*self.inner.io, &self.inner.paths);
        let path = log::path(&paths.private, segment.epoch % 2);
        let quarantine = Quarantine::new(io, &paths.quarantine, self.inner.budget());
        let mut why =
            "records are missing in the middle of the log; those after them are applied".to_owned();
        let name = quarantine.copy(&path, &file_name(&path)).unwrap_or_else(|error| {
            // A full disk is no reason not to open.
            why = format!("{why}; no copy is kept: {error}");
            file_name(&path)
        });
        tracing::warn!(name, "records are missing in the middle of the log");
        self.report.quarantined.push(Quarantined { name, why });
    }

    fn apply(&mut self, record: Record<'_>, files_synced: bool) -> Result<()> {
        for op in record.ops {
            match op {
                Op::Put { tag, meta } => self.put(tag, meta, record.value, files_synced)?,
                Op::Remove { tag, generation } => self.remove(tag, generation)?,
                Op::Touch { tag, at } => {
                    if let Some(found) = self.inner.find(&tag, false)? {
                        lock(&self.inner.live).touch(&tag, &found.meta, found.version, at);
                    }
                }
                Op::Clear { generation } => self.clear(generation)?,
                Op::Level { priority } => {
                    lock(&self.inner.live).ranks.raise(Priority::from_bits(priority));
                }
                Op::FilesSynced { .. } => {}
            }
        }
        Ok(())
    }

    fn remove(&mut self, tag: String, generation: u64) -> Result<()> {
        self.lost.remove(&tag);
        let removed = self.removed.entry(tag.clone()).or_default();
        *removed = generation.max(*removed);
        if let Some(old) = self.inner.find(&tag, false)?
            && old.meta.generation <= generation
        {
            self.give_up(&tag, &old.meta);
            lock(&self.inner.live).remove(tag.into(), &old.meta);
        }
        Ok(())
    }

    fn clear(&mut self, generation: u64) -> Result<()> {
        self.lost.clear();
        self.cleared = self.cleared.max(generation);
        if !self.lost_index {
            for (name, meta) in self.inner.file_names()? {
                self.given_up.insert(name, meta.stamp());
            }
            lock(&self.inner.live).clear();
            return Ok(());
        }
        // The rows that were saved may be newer than this record.
        for tag in self.inner.keys()? {
            if let Some(old) = self.inner.find(&tag, false)?
                && old.meta.generation < generation
            {
                self.give_up(&tag, &old.meta);
                lock(&self.inner.live).remove(tag.into(), &old.meta);
            }
        }
        Ok(())
    }

    fn put(&mut self, tag: String, meta: Meta, value: &[u8], files_synced: bool) -> Result<()> {
        self.see_generation(meta.generation);
        let old = self.inner.find(&tag, false)?;
        let newer = old.as_ref().is_some_and(|old| old.meta.generation > meta.generation);
        // Records of format 1 have no generation; their order is that of the log.
        if newer && meta.generation > 0 {
            return Ok(());
        }
        if !self.is_usable(&tag, &meta, files_synced) {
            let was_durable =
                files_synced || !matches!(meta.place, Place::File { synced: false, .. });
            // A file that was durable is gone by other means than a power loss, and what it replaced is out
            // of date.
            if let (Some(old), true) = (&old, was_durable) {
                self.give_up(&tag, &old.meta);
                lock(&self.inner.live).remove(tag.as_str().into(), &old.meta);
            }
            // A later record may say why: it was replaced or removed.
            self.lost.insert(tag);
            return Ok(());
        }
        self.lost.remove(&tag);
        if let Some(old) = old.as_ref().filter(|old| old.meta.place != meta.place) {
            self.give_up(&tag, &old.meta);
        }
        let name = files::name(&tag, &meta);
        if let Some(name) = &name {
            self.given_up.remove(name);
        }
        if matches!(meta.place, Place::File { synced: false, .. }) {
            lock(&self.inner.writer).unsynced.extend(name);
        }
        let value = meta.is_inline().then(|| Bytes::copy_from_slice(value));
        let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value };
        lock(&self.inner.live).put(tag.into(), slot, old.as_ref().map(|old| &*old.meta));
        Ok(())
    }

    /// Remembers the file of an entry that the log says is gone: its unlink may not have happened.
    fn give_up(&mut self, tag: &str, meta: &Meta) {
        if let Some(name) = files::name(tag, meta) {
            self.given_up.insert(name, meta.stamp());
        }
    }

    pub(super) fn see_generation(&self, generation: u64) {
        let next = generation.saturating_add(1);
        self.inner.next_generation.fetch_max(next, Ordering::AcqRel);
    }

    /// Whether the value of a record can be served. A power loss may have cut a file off that was not
    /// synced, or taken its name; then the older entry stands.
    fn is_usable(&self, tag: &str, meta: &Meta, files_synced: bool) -> bool {
        let Some(name) = files::name(tag, meta) else { return meta.is_inline() };
        let Ok(file) = self.inner.io.open(&self.inner.paths.dir.join(name), Open::Read) else {
            return false;
        };
        match meta.place {
            Place::File { synced: false, .. } if !files_synced => {
                files::copy(&*file, meta, &mut std::io::sink()).is_ok()
            }
            _ => file.len().is_ok_and(|len| meta.cut().is_some_and(|cut| cut.end <= len)),
        }
    }
}
