//! The lease of a running task's resources, and the waits in which it gives its `cpu` back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chia_dispatch::Result;

use super::Engine;
use crate::state::{Cell, Key, Wait};

/// Resources of a node, held until this is released or dropped.
pub(crate) struct Lease {
    engine: Arc<Engine>,
    key: Key,
    released: AtomicBool,
}

impl Lease {
    pub(crate) fn new(engine: Arc<Engine>, key: Key) -> Self {
        Self { engine, key, released: AtomicBool::new(false) }
    }

    /// Gives everything back, once.
    pub(crate) fn release(&self) {
        if !self.released.swap(true, Ordering::AcqRel) {
            self.engine.end_lease(self.key);
        }
    }

    /// Waits for a cell; others may have a task's `cpu` meanwhile.
    pub(crate) async fn wait(&self, target: &Arc<Cell>) -> Result<()> {
        if target.outcome().is_some() {
            return Ok(());
        }
        if self.released.load(Ordering::Acquire) {
            // The task has ended; a future that it spawned still waits, and holds no resources.
            target.wait().await;
            return Ok(());
        }
        let waiting = Waiting { lease: self, wait: self.engine.begin_wait(self.key, target)? };
        tokio::select! {
            biased;
            _ = target.wait() => Ok(()),
            error = waiting.wait.verdict.wait() => Err(error.clone()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.release();
    }
}

/// A wait under way. Ends when it is dropped, whichever way.
struct Waiting<'l> {
    lease: &'l Lease,
    wait: Arc<Wait>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lease.engine.end_wait(self.lease.key, &self.wait);
    }
}
