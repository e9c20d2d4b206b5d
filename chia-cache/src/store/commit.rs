//! How a change is committed: appended to the log, then applied to the live view.

use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::Selection;
use crate::files;
use crate::index::is_damage;
use crate::live::LiveView;
use crate::log::frame::Op;
use crate::memtable::{Slot, Tag};
use crate::meta::{Meta, Place};
use crate::store::inner::{CLOSED, Inner, Writer};
use crate::sync::lock;

impl Inner {
    /// Selects entries to evict until `need` bytes are free, but for the entry `spare`, or until one
    /// record is full.
    pub(crate) fn select(
        &self,
        writer: &mut Writer,
        spare: Option<&str>,
        need: u64,
    ) -> Result<Selection> {
        if need == 0 {
            return Ok(Selection::default());
        }
        let mut select = || writer.cursor.select(&self.live, spare, need);
        let selected = match select() {
            // A checkpoint that failed has closed the index.
            Err(e) if !is_damage(&e) && self.revive_for_read() => select(),
            selected => selected,
        };
        selected.map_err(|e| self.index_error("evict from", e))
    }

    /// Commits an entry in the place of `old`, with the evictions that make room for it; gives the
    /// position to wait for.
    pub(crate) fn commit_put(
        &self,
        writer: &mut Writer,
        tag: Tag,
        slot: Slot,
        old: Option<&Meta>,
        evicted: Selection,
    ) -> Result<u64> {
        let mut ops = self.evictions(&evicted);
        ops.push(Op::Put { tag: tag.to_string(), meta: (*slot.meta).clone() });
        let value = slot.value.clone().unwrap_or_default();
        self.append(writer, ops, &value).inspect_err(|_| writer.cursor.reset())?;
        if let Place::File { synced: false, .. } = slot.meta.place {
            writer.unsynced.extend(files::name(&tag, &slot.meta));
        }
        let position = writer.log.position();
        if let Some(old) = old {
            self.discard_file(position, &tag, old);
        }
        let mut live = lock(&self.live);
        self.remove_evicted(&mut live, position, evicted);
        live.put(tag, slot, old);
        Ok(position)
    }

    /// Commits evictions; gives the position to wait for.
    pub(crate) fn commit_evictions(&self, writer: &mut Writer, evicted: Selection) -> Result<u64> {
        let ops = self.evictions(&evicted);
        self.append(writer, ops, &[]).inspect_err(|_| writer.cursor.reset())?;
        let position = writer.log.position();
        self.remove_evicted(&mut lock(&self.live), position, evicted);
        Ok(position)
    }

    /// Commits that the generations of a tag up to this one are removed, the entry `old` among them; gives
    /// the position to wait for.
    pub(crate) fn commit_remove(
        &self,
        writer: &mut Writer,
        tag: &str,
        generation: u64,
        old: Option<&Meta>,
    ) -> Result<u64> {
        self.append(writer, vec![Op::Remove { tag: tag.to_owned(), generation }], &[])?;
        let position = writer.log.position();
        if let Some(old) = old {
            self.discard_file(position, tag, old);
            lock(&self.live).remove(tag.into(), old);
        }
        Ok(position)
    }

    fn remove_evicted(&self, live: &mut LiveView, position: u64, evicted: Selection) {
        self.counters.evictions.add(evicted.entries.len() as u64);
        live.ranks.raise(evicted.level);
        for (tag, meta) in evicted.entries {
            self.discard_file(position, &tag, &meta);
            live.remove(tag, &meta);
        }
    }

    /// The operations that evict entries. A changed level comes first, because the rank of what is put
    /// after it depends on it.
    fn evictions(&self, evicted: &Selection) -> Vec<Op> {
        let raised = evicted.level > lock(&self.live).ranks.level;
        let level = raised.then(|| Op::Level { priority: evicted.level.bits() });
        let removals = evicted.entries.iter().map(|(tag, meta)| removal(tag, meta));
        level.into_iter().chain(removals).collect()
    }

    /// Commits new facts of an entry whose file, if it has one, stays.
    pub(crate) fn commit_facts(
        &self,
        writer: &mut Writer,
        tag: &str,
        slot: Slot,
        old: &Meta,
    ) -> Result<()> {
        let op = Op::Put { tag: tag.to_owned(), meta: (*slot.meta).clone() };
        self.append(writer, vec![op], &slot.value.clone().unwrap_or_default())?;
        lock(&self.live).put(tag.into(), slot, Some(old));
        Ok(())
    }

    /// Commits that an entry is gone whose file is somebody else's, and stays.
    pub(crate) fn commit_forget(&self, writer: &mut Writer, tag: &str, meta: &Meta) -> Result<()> {
        self.append(writer, vec![removal(tag, meta)], &[])?;
        lock(&self.live).remove(tag.into(), meta);
        Ok(())
    }

    pub(crate) fn discard_file(&self, position: u64, tag: &str, meta: &Meta) {
        if let Some(name) = files::name(tag, meta) {
            self.unlinks.push(position, name, meta.len, meta.stamp());
        }
    }

    /// Appends a record, with the reads that happened since the last one.
    pub(crate) fn append(&self, writer: &mut Writer, mut ops: Vec<Op>, value: &[u8]) -> Result<()> {
        self.check_owner()?;
        let touched = lock(&self.live).take_touched();
        let touches = touched.into_iter().map(|(tag, at)| Op::Touch { tag: tag.to_string(), at });
        ops.splice(0..0, touches);
        let removes_only = !ops.iter().any(|op| matches!(op, Op::Put { .. }));
        let mut log = |ops: &[Op]| {
            let appended = writer.log.append(ops, value);
            appended.map_err(|e| Error::io("append to the log in", &self.paths.private, e))
        };
        match log(&ops) {
            Err(error) if removes_only && self.use_reserve(&error) => log(&ops)?,
            appended => appended?,
        }
        self.log_bytes.store(writer.log.offset(), Ordering::Release);
        self.commits.appended(writer.log.position(), writer.log.file());
        Ok(())
    }

    /// Fails unless this handle may still change the directory. An append calls it under the writer lock,
    /// so that the close cannot come in between.
    pub(crate) fn check_owner(&self) -> Result<()> {
        let closed = || Err(Error::new(ErrorKind::Closed, "change", &self.paths.dir));
        if self.state.load(Ordering::Acquire) == CLOSED {
            return closed();
        }
        match &*lock(&self.owner) {
            Some(owner) => owner.verify(&*self.io),
            None => closed(),
        }
    }

    /// Waits until a change may be acknowledged, and sees to it that upkeep happens.
    pub(crate) fn acknowledge(&self, position: u64) -> Result<()> {
        if self.is_durable() {
            self.commits
                .wait(position)
                .map_err(|e| Error::io("sync the log in", &self.paths.private, e))?;
        }
        let due = self.is_behind(1) || self.unlinks.len() > 0;
        match (due, self.tuning.threads) {
            (true, true) => self.wake.ring(),
            // A failed upkeep is tried again; this change is safe in the log already.
            (true, false) => drop(self.upkeep(false)),
            (false, _) => {}
        }
        Ok(())
    }

    /// Holds a writer back while the log is far ahead of the index, or something needs to be healed.
    pub(crate) fn admit(&self) -> Result<()> {
        self.remove_failed_files()?;
        if self.commits.is_broken() {
            self.upkeep(true)?;
        } else if self.is_behind(2) {
            self.upkeep(false)?;
        }
        Ok(())
    }

    /// Removes, durably, the files that failed writes have left. Otherwise such a file could come back
    /// after a crash in the place of what was acknowledged later.
    pub(crate) fn remove_failed_files(&self) -> Result<()> {
        let mut failed = lock(&self.failed_files);
        if failed.is_empty() {
            return Ok(());
        }
        self.check_owner()?;
        for name in &*failed {
            let path = self.paths.dir.join(name);
            match self.io.remove(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.map_err(|e| Error::io("remove", &path, e))?,
            }
        }
        let dir = &self.paths.dir;
        self.io.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
        failed.clear();
        Ok(())
    }
}

fn removal(tag: &str, meta: &Meta) -> Op {
    Op::Remove { tag: tag.to_owned(), generation: meta.generation }
}
