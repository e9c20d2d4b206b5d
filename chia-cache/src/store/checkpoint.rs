//! Bringing the index up to date: a memtable is sealed, then checkpointed into it, behind the operations.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inner::{IndexState, Inner};
use crate::error::Result;
use crate::index::{Index, IndexError, Snapshot, Totals, is_damage};
use crate::io::Open;
use crate::live::{Checkpoint, Sealed};
use crate::sync::lock;

impl Inner {
    /// Unlinks what may go, and checkpoints the log into the index if it has grown enough or `force`.
    pub(crate) fn upkeep(&self, force: bool) -> Result<()> {
        let mut state = lock(&self.index);
        // A forked child, or an owner that was replaced, must not touch the index or unlink files.
        self.check_owner()?;
        if state.index.is_none() {
            self.revive(&mut state)?;
        }
        self.unlink_ready();
        if lock(&self.live).sealed.is_some() {
            self.checkpoint(&mut state)?;
        }
        let changed = !lock(&self.live).active.is_empty()
            || self.log_bytes.load(Ordering::Acquire) > 0
            || self.commits.is_broken();
        if self.is_behind(1) || force && changed {
            self.seal();
            self.checkpoint(&mut state)?;
        }
        Ok(())
    }

    fn seal(&self) {
        // Nobody is in the middle of syncing files that the new sealed memtable would miss.
        let _quiet = lock(&self.file_sync);
        let mut writer = lock(&self.writer);
        let at = Checkpoint {
            epoch: writer.log.epoch(),
            position: writer.log.position(),
            settled: self.settled(),
            unsynced: std::mem::take(&mut writer.unsynced),
        };
        lock(&self.live).seal(at);
        writer.log.rotate();
        self.log_bytes.store(0, Ordering::Release);
    }

    /// A checkpoint in the middle of a replay, so that its memory stays bounded. The log still counts.
    pub(crate) fn checkpoint_replay(&self) -> Result<()> {
        let mut state = lock(&self.index);
        let at = Checkpoint {
            epoch: state.totals.epoch,
            position: 0,
            settled: state.totals.settled,
            unsynced: std::mem::take(&mut lock(&self.writer).unsynced),
        };
        lock(&self.live).seal(at);
        self.checkpoint(&mut state)
    }

    fn checkpoint(&self, state: &mut IndexState) -> Result<()> {
        let Some(sealed) = lock(&self.live).sealed.clone() else {
            return Ok(());
        };
        // The index must never name a file that a power loss can take.
        self.sync_files(&sealed.at.unsynced)?;
        // Files that this memtable gave up go first, while the log still says so.
        if self.commits.wait(sealed.at.position).is_ok() {
            self.unlink_ready();
            self.sync_unlinks()?;
        }
        let mut totals = state.totals;
        totals.epoch = sealed.at.epoch;
        totals.settled = sealed.at.settled;
        totals.pinned = sealed.pinned;
        totals.entries = sealed.entries;
        totals.bytes = sealed.bytes;
        totals.policy = sealed.ranks.policy.number();
        totals.level = sealed.ranks.level.bits();
        totals.next_order = sealed.ranks.next;
        totals.stopped = 0;
        totals.next_generation = self.next_generation.load(Ordering::Acquire);
        match self.commit_checkpoint(state, &sealed, totals) {
            Err(error) if self.use_reserve(&error) => {
                self.revive(state)?;
                // It may have got through after all.
                let pending = lock(&self.live).sealed.is_some();
                if pending { self.commit_checkpoint(state, &sealed, totals) } else { Ok(()) }
            }
            committed => committed,
        }
    }

    fn commit_checkpoint(
        &self,
        state: &mut IndexState,
        sealed: &Sealed,
        totals: Totals,
    ) -> Result<()> {
        let Some(index) = &state.index else { return Ok(()) };
        match index.checkpoint(&sealed.memtable, &totals).and_then(|()| index.snapshot()) {
            Ok(base) => {
                self.checkpointed(state, totals, base, sealed.at.position);
                Ok(())
            }
            Err(e) => {
                // redb does nothing any more after a failed write; a new one starts from the disk.
                state.index = None;
                if is_damage(&e) {
                    self.note_damage(&e);
                }
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

    /// Reports damage to the index once, and sees to it that the next opening rebuilds it.
    pub(crate) fn note_damage(&self, error: &IndexError) {
        if self.damaged.swap(true, Ordering::AcqRel) {
            return;
        }
        tracing::warn!(%error, "the index is damaged; what it lost are misses until it is rebuilt at the next opening");
        if let Err(error) = self.io.open(&self.paths.rebuild, Open::Create) {
            tracing::warn!(%error, "the next opening may not notice the damage");
        }
    }

    /// Opens the index again because a read failed; false if that was not possible.
    pub(crate) fn revive_for_read(&self) -> bool {
        // The holder of the index may be waiting for a lock that this reader's caller holds.
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
            // The checkpoint that failed got through after all. One in the middle of a replay has the epoch of
            // the one before it, which says nothing: it is done again, and changes nothing if it was done.
            (Some((_, totals)), Some(sealed))
                if totals.epoch == sealed.at.epoch && totals.epoch != state.totals.epoch =>
            {
                self.checkpointed(state, totals, base, sealed.at.position);
            }
            _ => lock(&self.live).rebase(base),
        }
        state.index = Some(index);
        Ok(())
    }
}
