//! The resources of a running task, and the waits in which it gives its `cpu` back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chia_dispatch::backend::ObjectId;
use chia_dispatch::{CPU, Error, Resources, Result};
use tokio::sync::SetOnce;

use super::cell::Cell;
use super::engine::Engine;
use super::scheduler::{Class, Grant};

/// Resources of a node, held until this is released or dropped.
pub(super) struct Lease {
    engine: Arc<Engine>,
    key: Key,
    released: AtomicBool,
}

/// The index of a lease in the engine. The slot alone may belong to another lease later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) slot: usize,
    pub(super) holder: ObjectId,
}

/// The engine's record of a lease.
pub(super) struct Held {
    pub(super) holder: Arc<Cell>,
    pub(super) grant: Grant,
    pub(super) waits: Vec<Arc<Wait>>,
}

impl Held {
    /// Whether it lends its `cpu` while it waits. A task does, an actor does not.
    pub(super) fn lends_cpu(&self) -> bool {
        !self.is_actor()
    }

    /// An actor holds its resources until it is killed or dropped, whatever it waits for.
    pub(super) fn is_actor(&self) -> bool {
        self.grant.is_pinned()
    }

    /// The resources that it holds while it waits.
    pub(super) fn retained(&self) -> Resources {
        let all = self.grant.class.resources();
        if self.lends_cpu() { all.without(CPU) } else { all.clone() }
    }
}

/// One object that a task waits for.
pub(super) struct Wait {
    pub(super) target: Arc<Cell>,
    /// The call of an actor that waits; `None` for a task, or what an actor does beside its calls.
    pub(super) call: Option<Arc<Cell>>,
    /// The classes that the target hangs on; exempt from reservations meanwhile.
    pub(super) classes: Vec<Arc<Class>>,
    /// That it can never end.
    pub(super) verdict: SetOnce<Error>,
}

impl Lease {
    pub(super) fn new(engine: Arc<Engine>, key: Key) -> Self {
        Self { engine, key, released: AtomicBool::new(false) }
    }

    /// Gives everything back, once.
    pub(super) fn release(&self) {
        if !self.released.swap(true, Ordering::AcqRel) {
            self.engine.end_lease(self.key);
        }
    }

    /// Waits for a cell; others may have a task's `cpu` meanwhile.
    pub(super) async fn wait(&self, target: &Arc<Cell>) -> Result<()> {
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
