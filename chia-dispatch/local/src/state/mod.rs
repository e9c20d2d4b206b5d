//! The state behind the engine's lock: the cells of objects, the scheduler, the leases of running tasks.
//! Nothing here starts work or knows how it runs.

mod cell;
pub(crate) mod deadlock;
mod held;
mod scheduler;

use std::sync::Arc;

use chia_dispatch::backend::Node;
use chia_dispatch::{Error, ErrorKind, Place, Result};
use slab::Slab;
use tokio::sync::SetOnce;

pub(crate) use self::cell::{
    CallQueue, Cell, CellState, Construction, JobKind, MethodCall, Queued, cell,
};
use self::deadlock::Pending;
use self::held::Held;
pub(crate) use self::held::{Key, Wait};
use self::scheduler::Scheduler;
pub(crate) use self::scheduler::{Class, Grant};

/// What needs the lock. No code of users runs under it, and no lease is dropped.
pub(crate) struct State {
    pub(crate) scheduler: Scheduler<Arc<Cell>>,
    leases: Slab<Held>,
    /// The number of waits of tasks that are under way.
    waits: usize,
    /// Whether the deadlock detector runs.
    pub(crate) watched: bool,
}

/// A cell that has its place.
pub(crate) struct Start {
    pub(crate) cell: Arc<Cell>,
    pub(crate) key: Key,
    pub(crate) place: Arc<Place>,
}

impl State {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        Self { scheduler: Scheduler::new(nodes), leases: Slab::new(), waits: 0, watched: false }
    }

    /// Whether tasks wait.
    pub(crate) fn has_waits(&self) -> bool {
        self.waits > 0
    }

    /// The cells whose work runs.
    pub(crate) fn running(&self) -> impl Iterator<Item = Arc<Cell>> {
        self.leases.iter().map(|(_, held)| Arc::clone(&held.holder))
    }

    /// Records the lease of what a cell was granted.
    pub(crate) fn lease(&mut self, cell: Arc<Cell>, grant: Grant) -> Start {
        let place = Arc::clone(&grant.place);
        let holder = Arc::clone(&cell);
        let held = Held { holder, grant, waits: Vec::new() };
        let key = Key { holder: cell.id, slot: self.leases.insert(held) };
        Start { cell, key, place }
    }

    /// Makes a lease an actor's, which is held through its waits.
    pub(crate) fn pin(&mut self, key: Key) {
        let Self { scheduler, leases, .. } = self;
        if let Some(held) = leased(leases, key) {
            scheduler.pin(&mut held.grant);
        }
    }

    /// Begins a wait for a cell, in which a task's `cpu` is lent to others. `running_call` finds the call
    /// of an actor that waits.
    pub(crate) fn begin_wait(
        &mut self,
        key: Key,
        on: &Arc<Cell>,
        pending: Vec<Pending>,
        running_call: impl FnOnce() -> Option<Arc<Cell>>,
    ) -> Result<Arc<Wait>> {
        let Self { scheduler, leases, waits, .. } = self;
        let held = leased(leases, key).ok_or_else(shut_down)?;
        if let Some(error) = deadlock::self_deadlock(scheduler, held, on, &pending) {
            return Err(error);
        }
        let classes: Vec<_> = pending.into_iter().filter_map(|item| item.class).collect();
        for class in &classes {
            scheduler.begin_await(class);
        }
        if held.lends_cpu() && held.waits.is_empty() {
            scheduler.lend_cpu(&held.grant);
        }
        let call = if held.is_actor() { running_call() } else { None };
        let (target, verdict) = (Arc::clone(on), SetOnce::new());
        let wait = Arc::new(Wait { target, call, classes, verdict });
        held.waits.push(Arc::clone(&wait));
        *waits += 1;
        Ok(wait)
    }

    /// Takes a lent `cpu` back, without waiting for it.
    pub(crate) fn end_wait(&mut self, key: Key, wait: &Arc<Wait>) {
        let Self { scheduler, leases, waits, .. } = self;
        for class in &wait.classes {
            scheduler.end_await(class);
        }
        *waits -= 1;
        if let Some(held) = leased(leases, key) {
            held.waits.retain(|other| !Arc::ptr_eq(other, wait));
            if held.lends_cpu() && held.waits.is_empty() {
                scheduler.reclaim_cpu(&held.grant);
            }
        }
    }

    /// Gives back what a lease holds.
    pub(crate) fn end_lease(&mut self, key: Key) {
        if leased(&mut self.leases, key).is_none() {
            return;
        }
        let held = self.leases.remove(key.slot);
        if held.lends_cpu() && !held.waits.is_empty() {
            self.scheduler.reclaim_cpu(&held.grant);
        }
        self.scheduler.release(&held.grant);
    }
}

/// The record of a lease that has not ended.
fn leased(leases: &mut Slab<Held>, key: Key) -> Option<&mut Held> {
    leases.get_mut(key.slot).filter(|held| held.holder.id == key.holder)
}

/// The error of whatever the end of the backend ends.
pub(crate) fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the backend was shut down")
}
