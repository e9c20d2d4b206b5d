//! Group commit: one sync serves every writer that is waiting.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::io::IoFile;

/// What has been appended, what is durable, and who is syncing.
#[derive(Debug, Default)]
struct State {
    appended: u64,
    synced: u64,
    /// Files with appended bytes that no sync has covered.
    dirty: Vec<Arc<dyn IoFile>>,
    syncing: bool,
    /// Up to here a sync failed. The kernel may have dropped those bytes, so no later sync helps:
    /// only a fold, which writes them elsewhere, does.
    failed: u64,
}

/// Lets writers wait until their bytes are durable.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    done: Condvar,
}

impl Gate {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
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
                state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let (target, dirty) = (state.appended, std::mem::take(&mut state.dirty));
            drop(state);
            let result = dirty.iter().try_for_each(|file| file.sync());
            state = self.lock();
            state.syncing = false;
            match &result {
                Ok(()) => state.synced = state.synced.max(target),
                Err(_) => state.failed = state.failed.max(target),
            }
            self.done.notify_all();
            result?;
        }
    }

    /// Everything up to `position` is durable by other means.
    pub(crate) fn settled(&self, position: u64) {
        let mut state = self.lock();
        state.synced = state.synced.max(position);
        self.done.notify_all();
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
