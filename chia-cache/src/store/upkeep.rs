//! What happens behind the operations: folding the log into the index, syncing, unlinking.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::io::Open;
use crate::lock;
use crate::log::record::Op;
use crate::store::inner::{IndexState, Inner};
use crate::table::Frozen;

/// How often `Relaxed` changes are made durable: often enough to lose a second at most.
pub(crate) const SYNC_EVERY: Duration = Duration::from_millis(400);

impl Inner {
    /// Unlinks what may go, and folds the log into the index if it has grown enough or `force`.
    pub(crate) fn upkeep(&self, force: bool) -> Result<()> {
        let mut state = lock(&self.index);
        if state.index.is_none() {
            return Ok(());
        }
        self.unlink_ready();
        if lock(&self.table).frozen.is_some() {
            self.fold(&mut state)?;
        }
        let table = lock(&self.table);
        let due = table.active.cost() >= self.tuning.fold_at || force && !table.active.is_empty();
        drop(table);
        if due {
            self.freeze();
            self.fold(&mut state)?;
        }
        Ok(())
    }

    fn freeze(&self) {
        // Nobody is in the middle of syncing files that the new frozen layer would miss.
        let _quiet = lock(&self.file_sync);
        let mut writer = lock(&self.writer);
        let unsynced = std::mem::take(&mut writer.unsynced);
        let (epoch, position) = (writer.log.epoch(), writer.log.position());
        lock(&self.table).freeze(epoch, position, unsynced);
        writer.log.rotate();
    }

    fn fold(&self, state: &mut IndexState) -> Result<()> {
        let Some(frozen) = lock(&self.table).frozen.clone() else {
            return Ok(());
        };
        // The index must never name a file that a power loss can take.
        self.sync_files(&frozen.unsynced)?;
        // Files that this layer gave up go first, while the log still says so.
        if self.gate.wait(frozen.position).is_ok() {
            self.unlink_ready();
        }
        let mut totals = state.totals;
        totals.epoch = frozen.epoch;
        totals.entries = frozen.entries;
        totals.bytes = frozen.bytes;
        totals.stopped = 0;
        totals.next_generation = self.next_generation.load(Ordering::Acquire);
        self.commit_fold(state, &frozen, totals)
    }

    fn commit_fold(
        &self,
        state: &mut IndexState,
        frozen: &Frozen,
        mut totals: crate::index::Totals,
    ) -> Result<()> {
        let Some(index) = &state.index else {
            return Ok(());
        };
        let folded = index.fold(&frozen.layer, &mut totals).and_then(|()| index.snapshot());
        match folded {
            Ok(base) => {
                state.totals = totals;
                lock(&self.table).folded(base);
                self.gate.settled(frozen.position);
                Ok(())
            }
            Err(e) => {
                let error = self.index_error("update", e);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the index was not updated; it is tried again"
                );
                Err(error)
            }
        }
    }

    /// Makes value files durable, and their names.
    fn sync_files(&self, names: &[String]) -> Result<()> {
        for name in names {
            let path = self.paths.dir.join(name);
            match self.io.open(&path, Open::Edit).and_then(|file| file.sync()) {
                Ok(()) => {}
                // Evicted and unlinked in the meantime.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("sync", &path, e)),
            }
        }
        if !names.is_empty() {
            self.io.sync_dir(&self.paths.dir).map_err(|e| Error::io("sync", &self.paths.dir, e))?;
        }
        Ok(())
    }

    /// Makes everything durable that was acknowledged without a sync.
    pub(crate) fn sync_all(&self) -> Result<()> {
        let _quiet = lock(&self.file_sync);
        let (names, epoch, before, position) = {
            let mut writer = lock(&self.writer);
            let names = std::mem::take(&mut writer.unsynced);
            (names, writer.log.epoch(), writer.log.offset(), writer.log.position())
        };
        if let Err(e) = self.sync_files(&names) {
            lock(&self.writer).unsynced.extend(names);
            return Err(e);
        }
        self.gate
            .wait(position)
            .map_err(|e| Error::io("sync the log in", &self.paths.private, e))?;
        if !names.is_empty() {
            let mut writer = lock(&self.writer);
            if writer.log.epoch() == epoch {
                self.append(&mut writer, &[Op::FilesSynced { before }], &[])?;
            }
        }
        Ok(())
    }

    /// One beat of the thread that bounds what a power loss may take.
    pub(crate) fn sync_if_needed(&self) {
        if self.gate.appended_position() == self.gate.synced()
            || self.closed.load(Ordering::Acquire)
        {
            return;
        }
        match self.sync_all() {
            Ok(()) if self.unlinks.len() > 0 => self.wake.ring(),
            Ok(()) => {}
            Err(e) => tracing::warn!(
                error = &e as &dyn std::error::Error,
                "recent writes are not durable yet"
            ),
        }
    }

    pub(crate) fn unlink_ready(&self) {
        while let Some(name) = self.unlinks.pop(self.gate.synced()) {
            let path = self.paths.dir.join(name);
            match self.io.remove(&path) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                // The next opening that has to look through the directory removes it.
                Err(e) => {
                    tracing::warn!(path = %path.display(), error = %e, "an evicted file stays behind");
                }
            }
        }
    }

    /// Stops cleanly: everything goes into the index, with the directory's time as proof that nothing
    /// happened to it since.
    pub(crate) fn stop(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let result = self.wind_up();
        lock(&self.index).index = None;
        lock(&self.owner).take();
        result
    }

    fn wind_up(&self) -> Result<()> {
        let synced = self.sync_all();
        self.upkeep(true)?;
        if self.gate.is_broken() {
            synced?;
        }
        self.unlink_ready();
        let mut state = lock(&self.index);
        let stopped = self.dir_time()?;
        let (epoch, unused) = {
            let writer = lock(&self.writer);
            (writer.log.epoch(), writer.log.offset() == 0)
        };
        if unused && state.totals.stopped == stopped {
            return Ok(());
        }
        let mut totals = crate::index::Totals { epoch, stopped, ..state.totals };
        totals.next_generation = self.next_generation.load(Ordering::Acquire);
        let Some(index) = &state.index else {
            return Ok(());
        };
        index
            .fold(&crate::layer::Layer::new(), &mut totals)
            .map_err(|e| self.index_error("update", e))?;
        state.totals = totals;
        Ok(())
    }

    /// When the directory was last modified, in nanoseconds since 1970.
    pub(crate) fn dir_time(&self) -> Result<u64> {
        let found = self
            .io
            .metadata(&self.paths.dir)
            .map_err(|e| Error::io("look at", &self.paths.dir, e))?;
        Ok(found.modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64))
    }

    /// The background thread that folds and unlinks.
    pub(crate) fn run_upkeep(self: Arc<Self>) {
        loop {
            let mut work = lock(&self.wake.work);
            while !*work && !self.closed.load(Ordering::Acquire) {
                work = self.wake.bell.wait(work).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            *work = false;
            drop(work);
            if self.closed.load(Ordering::Acquire) {
                return;
            }
            if self.upkeep(false).is_err() {
                // It has been reported. Writers are held back meanwhile and try as well.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}
