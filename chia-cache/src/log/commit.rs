//! Group commit: one sync serves every writer that is waiting.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::io::IoFile;

/// What has been appended, what is durable, and who is syncing.
#[derive(Debug, Default)]
struct State {
    appended: u64,
    synced: u64,
    /// Files with appended bytes that no sync has covered.
    dirty: Vec<Arc<dyn IoFile>>,
    syncing: bool,
    /// Syncs begun, and what the last one reaches to.
    round: usize,
    target: u64,
    /// Up to here a sync failed. The kernel may have dropped those bytes, so no later sync helps:
    /// only a checkpoint, which writes them elsewhere, does.
    failed: u64,
}

/// Lets writers wait until their bytes are durable.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    state: Mutex<State>,
    /// Where the waiters of even rounds wait, and those of odd ones: a sync that ends wakes those
    /// whom it served and one to sync next, not the crowd that would only wait on.
    done: [Condvar; 2],
}

impl GroupCommit {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the log now reaches `position`, the newest bytes being in `file`.
    pub(crate) fn appended(&self, position: u64, file: &Arc<dyn IoFile>) {
        let mut state = self.lock();
        state.appended = position;
        if !state.dirty.iter().any(|dirty| Arc::ptr_eq(dirty, file)) {
            state.dirty.push(Arc::clone(file));
        }
    }

    /// Waits until everything up to `position` is durable. One waiter syncs, for all that has been
    /// appended by then; the others wait for it.
    pub(crate) fn wait(&self, position: u64) -> io::Result<()> {
        let mut state = self.lock();
        loop {
            if state.synced >= position {
                return Ok(());
            }
            if state.failed > state.synced {
                return Err(io::Error::other("an earlier sync of the log failed"));
            }
            if state.syncing {
                let round = state.round + usize::from(position > state.target);
                let done = &self.done[round % 2];
                state = done.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state = self.sync(state)?;
        }
    }

    /// Syncs for all that wait.
    fn sync<'g>(&'g self, mut state: MutexGuard<'g, State>) -> io::Result<MutexGuard<'g, State>> {
        state.syncing = true;
        state.round += 1;
        state.target = state.appended;
        let dirty = std::mem::take(&mut state.dirty);
        drop(state);
        let result = dirty.iter().try_for_each(|file| file.sync());
        state = self.lock();
        state.syncing = false;
        if let Err(error) = result {
            state.failed = state.failed.max(state.target);
            self.wake_all();
            return Err(error);
        }
        state.synced = state.synced.max(state.target);
        self.done[state.round % 2].notify_all();
        self.done[(state.round + 1) % 2].notify_one();
        Ok(state)
    }

    fn wake_all(&self) {
        self.done.iter().for_each(Condvar::notify_all);
    }

    /// Everything up to `position` is durable by other means.
    pub(crate) fn settled(&self, position: u64) {
        let mut state = self.lock();
        state.synced = state.synced.max(position);
        self.wake_all();
    }

    /// Everything that has been appended.
    pub(crate) fn appended_position(&self) -> u64 {
        self.lock().appended
    }

    pub(crate) fn synced(&self) -> u64 {
        self.lock().synced
    }

    /// Whether a sync failed and nothing has made its bytes durable since.
    pub(crate) fn is_broken(&self) -> bool {
        let state = self.lock();
        state.failed > state.synced
    }
}
