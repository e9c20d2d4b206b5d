//! Bringing the index up to date: a memtable is sealed, then checkpointed into it, behind the operations.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inner::{IndexState, Inner};
use crate::error::Result;
use crate::index::{Index, Snapshot, Totals};
use crate::live::Sealed;
use crate::sync::lock;

impl Inner {
    /// Unlinks what may go, and checkpoints the log into the index if it has grown enough or `force`.
    pub(crate) fn upkeep(&self, force: bool) -> Result<()> {
        let mut state = lock(&self.index);
        if state.index.is_none() {
            self.revive(&mut state)?;
        }
        self.unlink_ready();
        if lock(&self.live).sealed.is_some() {
            self.checkpoint(&mut state)?;
        }
        let table = lock(&self.live);
        let changed = !table.active.is_empty() || self.commits.is_broken();
        let due = table.active.cost() >= self.tuning.checkpoint_at || force && changed;
        drop(table);
        if due {
            self.seal();
            self.checkpoint(&mut state)?;
        }
        Ok(())
    }

    fn seal(&self) {
        // Nobody is in the middle of syncing files that the new sealed memtable would miss.
        let _quiet = lock(&self.file_sync);
        let mut writer = lock(&self.writer);
        let unsynced = std::mem::take(&mut writer.unsynced);
        let (epoch, position) = (writer.log.epoch(), writer.log.position());
        lock(&self.live).seal(epoch, position, unsynced);
        writer.log.rotate();
    }

    fn checkpoint(&self, state: &mut IndexState) -> Result<()> {
        let Some(sealed) = lock(&self.live).sealed.clone() else {
            return Ok(());
        };
        // The index must never name a file that a power loss can take.
        self.sync_files(&sealed.unsynced)?;
        // Files that this memtable gave up go first, while the log still says so.
        if self.commits.wait(sealed.position).is_ok() {
            self.unlink_ready();
            self.sync_unlinks()?;
        }
        let mut totals = state.totals;
        totals.epoch = sealed.epoch;
        totals.entries = sealed.entries;
        totals.bytes = sealed.bytes;
        totals.stopped = 0;
        totals.next_generation = self.next_generation.load(Ordering::Acquire);
        self.commit_checkpoint(state, &sealed, totals)
    }

    fn commit_checkpoint(
        &self,
        state: &mut IndexState,
        sealed: &Sealed,
        mut totals: Totals,
    ) -> Result<()> {
        let Some(index) = &state.index else { return Ok(()) };
        match index.checkpoint(&sealed.memtable, &mut totals).and_then(|()| index.snapshot()) {
            Ok(base) => {
                self.checkpointed(state, totals, base, sealed.position);
                Ok(())
            }
            Err(e) => {
                // redb does nothing any more after a failed write; a new one starts from the disk.
                state.index = None;
                let error = self.index_error("update", e);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the index was not updated; it is tried again"
                );
                Err(error)
            }
        }
    }

    fn checkpointed(
        &self,
        state: &mut IndexState,
        totals: Totals,
        base: Arc<Snapshot>,
        position: u64,
    ) {
        state.totals = totals;
        lock(&self.live).checkpointed(base);
        self.commits.settled(position);
    }

    /// Opens the index again because a read failed; false if that was not possible.
    pub(crate) fn revive_for_read(&self) -> bool {
        // Whoever has the index may be waiting for a lock that this reader's caller holds.
        let Ok(mut state) = self.index.try_lock() else { return false };
        state.index = None;
        self.revive(&mut state).is_ok()
    }

    /// Opens the index again after it failed. Does nothing once the store has stopped.
    pub(crate) fn revive(&self, state: &mut IndexState) -> Result<()> {
        if lock(&self.owner).is_none() {
            return Ok(());
        }
        let error = |e| self.index_error("open", e);
        let index = Index::open(&*self.io, &self.paths.index).map_err(error)?;
        let found = index.totals().map_err(error)?;
        let base = index.snapshot().map_err(error)?;
        let sealed = lock(&self.live).sealed.clone();
        match (found, sealed) {
            // The checkpoint that failed got through after all.
            (Some((_, totals)), Some(sealed)) if totals.epoch == sealed.epoch => {
                self.checkpointed(state, totals, base, sealed.position);
            }
            _ => lock(&self.live).rebase(base),
        }
        state.index = Some(index);
        Ok(())
    }
}
