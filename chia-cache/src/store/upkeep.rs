//! What happens behind the operations: syncing, unlinking, and the stop at the end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::index::Totals;
use crate::io::Open;
use crate::log::frame::Op;
use crate::memtable::Memtable;
use crate::meta::Stamp;
use crate::store::inner::{CLOSED, CLOSING, IndexState, Inner, OPEN};
use crate::sync::lock;

/// How often `Relaxed` changes are made durable: often enough to lose a second at most.
pub(crate) const SYNC_EVERY: Duration = Duration::from_millis(400);

impl Inner {
    /// Makes value files durable, and their names.
    pub(crate) fn sync_files(&self, names: &[String]) -> Result<()> {
        if names.len() >= self.tuning.sync_all_from {
            match self.io.sync_all(&self.paths.dir) {
                Err(e) if e.kind() == std::io::ErrorKind::Unsupported => {}
                synced => return synced.map_err(|e| Error::io("sync", &self.paths.dir, e)),
            }
        }
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
        self.commits
            .wait(position)
            .map_err(|e| Error::io("sync the log in", &self.paths.private, e))?;
        if !names.is_empty() {
            let mut writer = lock(&self.writer);
            if writer.log.epoch() == epoch {
                self.append(&mut writer, vec![Op::FilesSynced { before }], &[])?;
            }
        }
        Ok(())
    }

    /// One beat of the thread that bounds what a power loss may take.
    pub(crate) fn sync_if_needed(&self) {
        if self.commits.appended_position() == self.commits.synced() || self.check_open().is_err() {
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

    /// Unlinks what may go.
    pub(crate) fn unlink_ready(&self) {
        let unlink = |name: &str, stamp: Option<Stamp>| {
            let path = self.paths.dir.join(name);
            // Somebody has put another file there since.
            let other = stamp.is_some_and(|stamp| {
                self.io.metadata(&path).is_ok_and(|found| found.stamp() != stamp)
            });
            if other { Ok(()) } else { self.io.remove(&path) }
        };
        if self.unlinks.run(self.commits.synced(), unlink) > 0 {
            self.unlinked.store(true, Ordering::Release);
        }
    }

    /// Makes the unlinks durable: what is gone must not turn up again as a file somebody put there.
    pub(crate) fn sync_unlinks(&self) -> Result<()> {
        if !self.unlinked.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let dir = &self.paths.dir;
        self.io.sync_dir(dir).map_err(|e| {
            self.unlinked.store(true, Ordering::Release);
            Error::io("sync", dir, e)
        })
    }

    /// Refuses new operations; false if the store was closed before.
    pub(crate) fn begin_close(&self) -> bool {
        self.state.compare_exchange(OPEN, CLOSING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Waits for the changes under way and stops cleanly: everything goes into the index, with the
    /// directory's time as proof that nothing happened to it since.
    pub(crate) fn finish_close(&self) -> Result<()> {
        let _alone = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let owned = {
            let _writer = lock(&self.writer);
            self.check_owner()
        };
        let is_owner = owned.is_ok();
        let result = owned.and_then(|()| self.wind_up());
        let writer = lock(&self.writer);
        self.state.store(CLOSED, Ordering::Release);
        drop(writer);
        if let Some(index) = lock(&self.index).index.take()
            && !is_owner
        {
            index.revoke();
        }
        lock(&self.owner).take();
        result
    }

    fn wind_up(&self) -> Result<()> {
        let synced = self.sync_all();
        self.upkeep(true)?;
        if self.commits.is_broken() {
            synced?;
        }
        self.unlink_ready();
        self.sync_unlinks()?;
        let mut state = lock(&self.index);
        // A file that could not be unlinked is a leftover to be swept, which a clean stop rules out.
        let swept = self.remove_failed_files().is_ok() && self.unlinks.len() == 0;
        let stopped = if swept { self.dir_time()? } else { 0 };
        let (epoch, unused) = {
            let writer = lock(&self.writer);
            (writer.log.epoch(), writer.log.offset() == 0)
        };
        if unused && stopped != 0 && state.totals.stopped == stopped {
            return Ok(());
        }
        let settled = self.settled();
        let mut totals = Totals { epoch, stopped, settled, ..state.totals };
        totals.next_generation = self.next_generation.load(Ordering::Acquire);
        match self.mark_stopped(&mut state, totals) {
            Err(error) if self.use_reserve(&error) => {
                self.revive(&mut state)?;
                self.mark_stopped(&mut state, totals)
            }
            marked => marked,
        }
    }

    fn mark_stopped(&self, state: &mut IndexState, totals: Totals) -> Result<()> {
        let Some(index) = &state.index else { return Ok(()) };
        if let Err(e) = index.checkpoint(&Memtable::default(), &totals) {
            state.index = None;
            return Err(self.index_error("update", e));
        }
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

    /// The background thread that checkpoints and unlinks.
    pub(crate) fn run_upkeep(self: Arc<Self>) {
        loop {
            let mut work = lock(&self.wake.work);
            while !*work && self.check_open().is_ok() {
                work = self.wake.bell.wait(work).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            *work = false;
            drop(work);
            if self.check_open().is_err() {
                return;
            }
            if self.upkeep(false).is_err() {
                // It has been reported. Writers are held back meanwhile and try as well.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}
