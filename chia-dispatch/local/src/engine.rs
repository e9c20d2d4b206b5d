//! The engine: brings cells from submission to outcome.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chia_dispatch::backend::{Node, ObjectId, ObjectRef, Task, TaskOptions};
use chia_dispatch::{Error, ErrorKind, Host, Job, Place, Result, TaskContext};
use slab::Slab;
use tokio::runtime::Handle;
use tokio::sync::SetOnce;
use tracing::Instrument;

use super::actor::{self, Actors};
use super::backend::LocalBackend;
use super::cell::{Cell, JobKind, Queued, cell};
use super::deadlock;
use super::lease::{Held, Key, Lease, Wait};
use super::run::Run;
use super::scheduler::{Class, Grant, Scheduler};

/// Everything that the driver's view and the views of tasks share.
pub(super) struct Engine {
    /// Distinguishes the objects of this backend from those of another.
    number: u64,
    pub(super) host: Arc<dyn Host>,
    pub(super) runtime: Handle,
    pub(super) actors: Actors,
    next_id: AtomicU64,
    /// Set under the lock of the state.
    closed: AtomicBool,
    state: Mutex<State>,
}

/// What needs the lock. No code of users runs under it, and no lease is dropped.
pub(super) struct State {
    pub(super) scheduler: Scheduler<Arc<Cell>>,
    pub(super) leases: Slab<Held>,
    /// How many waits of tasks are under way.
    pub(super) waits: usize,
    watched: bool,
}

/// A cell that has its place.
struct Start {
    cell: Arc<Cell>,
    key: Key,
    place: Arc<Place>,
}

static BACKENDS: AtomicU64 = AtomicU64::new(0);

impl Engine {
    pub(super) fn new(host: Arc<dyn Host>, runtime: Handle, nodes: Vec<Node>) -> Arc<Self> {
        Arc::new(Self {
            number: BACKENDS.fetch_add(1, Ordering::Relaxed),
            host,
            runtime,
            actors: Actors::default(),
            next_id: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            state: Mutex::new(State {
                scheduler: Scheduler::new(nodes),
                leases: Slab::new(),
                waits: 0,
                watched: false,
            }),
        })
    }

    pub(super) fn nodes(&self) -> Vec<Node> {
        self.state().scheduler.nodes().to_vec()
    }

    pub(super) fn put(&self, value: Bytes) -> Arc<Cell> {
        Arc::new(Cell::ready(self.id(), self.number, value))
    }

    pub(super) fn submit(self: &Arc<Self>, task: Task) -> Result<Arc<Cell>> {
        let Task { entry, payload, args, shared, options } = task;
        let class = self.class(&options)?;
        let name = if options.name.is_empty() { entry.clone() } else { options.name };
        let job = Box::new(Job { entry, payload, args: Vec::new(), shared });
        let job = JobKind::Task(job, options.retries);
        let cells = args.iter().map(|arg| self.cell(arg)).collect::<Result<Vec<_>>>()?;
        let cell = self.make(name, Queued { job, args, class: Some(class) });
        self.submit_made(&cell, &cells);
        Ok(cell)
    }

    /// A cell for some work, which nothing starts yet.
    pub(super) fn make(&self, name: String, queued: Queued) -> Arc<Cell> {
        Arc::new(Cell::queued(self.id(), self.number, name, queued))
    }

    /// Starts a cell once its arguments and its place are there.
    pub(super) fn submit_made(self: &Arc<Self>, cell: &Arc<Cell>, args: &[Arc<Cell>]) {
        let mut there = 1;
        for arg in args {
            if !arg.notify(cell) {
                match arg.outcome() {
                    Some(Err(error)) => drop(cell.settle(Err(error.clone()))),
                    _ => there += 1,
                }
            }
        }
        if cell.arrived(there) {
            self.admit(cell);
        }
    }

    /// The cell of a reference, which must be one of this very backend.
    pub(super) fn cell(&self, object: &ObjectRef) -> Result<Arc<Cell>> {
        cell(object).filter(|cell| cell.backend == self.number).ok_or_else(|| {
            let message = format!("{} was made by another backend", object.id());
            Error::new(ErrorKind::Unsupported, message)
        })
    }

    /// The class of a task's or an actor's demand.
    pub(super) fn class(&self, options: &TaskOptions) -> Result<Arc<Class>> {
        if options.runtime_env.is_some() {
            let message = "the in-process backend has no runtime environments: \
                           everything runs in this program's own";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.check_open()?;
        self.state().scheduler.class(&options.resources, &options.placement)
    }

    /// Sets a cell's outcome, unless it has one, and sends off whatever was waiting for it.
    pub(super) fn settle(self: &Arc<Self>, cell: &Cell, outcome: Result<Bytes>) -> bool {
        let Some(dependents) = cell.settle(outcome) else { return false };
        let mut settled: Vec<(Option<Error>, Vec<Arc<Cell>>)> = Vec::new();
        if !dependents.is_empty() {
            settled.push((error_of(cell), dependents));
        }
        // A loop and not a recursion: chains of tasks may be long.
        while let Some((error, dependents)) = settled.pop() {
            for dependent in dependents {
                if let Some(error) = &error {
                    let further = dependent.settle(Err(error.clone())).unwrap_or_default();
                    settled.push((Some(error.clone()), further));
                } else if dependent.arrived(1) {
                    self.admit(&dependent);
                }
            }
        }
        true
    }

    /// Cancels the work of a cell.
    pub(super) fn cancel(self: &Arc<Self>, cell: &Cell) {
        let message = format!("task `{}` was cancelled", cell.name);
        if self.settle(cell, Err(Error::new(ErrorKind::Cancelled, message))) {
            // It may have stood at the head of a queue, in the way of others.
            self.start_what_fits(|_| ());
        }
    }

    /// Begins a wait, in which a task's `cpu` is lent to others, until [`end_wait`](Self::end_wait).
    pub(super) fn begin_wait(self: &Arc<Self>, key: Key, on: &Arc<Cell>) -> Result<Arc<Wait>> {
        let pending = deadlock::pending(on);
        let (wait, watch) = self.start_what_fits(|state| {
            let State { scheduler, leases, .. } = state;
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
            let call = if held.is_actor() { actor::running_call() } else { None };
            let (target, verdict) = (Arc::clone(on), SetOnce::new());
            let wait = Arc::new(Wait { target, call, classes, verdict });
            held.waits.push(Arc::clone(&wait));
            state.waits += 1;
            Ok((wait, !std::mem::replace(&mut state.watched, true)))
        })?;
        if watch {
            self.runtime.spawn(deadlock::watch(Arc::downgrade(self)));
        }
        Ok(wait)
    }

    /// Takes a lent `cpu` back, without waiting for it.
    pub(super) fn end_wait(&self, key: Key, wait: &Arc<Wait>) {
        let mut state = self.state();
        let State { scheduler, leases, waits, .. } = &mut *state;
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
    pub(super) fn end_lease(self: &Arc<Self>, key: Key) {
        self.start_what_fits(|state| {
            if leased(&mut state.leases, key).is_none() {
                return;
            }
            let held = state.leases.remove(key.slot);
            if held.lends_cpu() && !held.waits.is_empty() {
                state.scheduler.reclaim_cpu(&held.grant);
            }
            state.scheduler.release(&held.grant);
        });
    }

    /// Ends everything. What runs is dropped at its next await point.
    pub(super) fn close(self: &Arc<Self>) {
        let cells: Vec<Arc<Cell>> = {
            let mut state = self.state();
            self.closed.store(true, Ordering::Release);
            let queued = state.scheduler.clear();
            let running = state.leases.iter().map(|(_, held)| Arc::clone(&held.holder));
            running.chain(queued).collect()
        };
        for cell in cells {
            self.settle(&cell, Err(shut_down()));
        }
        self.actors.close();
    }

    /// Refuses once the backend was shut down.
    pub(super) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(shut_down()) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn id(&self) -> ObjectId {
        ObjectId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Starts a cell whose arguments are there, or queues it.
    fn admit(self: &Arc<Self>, cell: &Arc<Cell>) {
        let Some(class) = cell.class() else { return };
        let mut state = self.state();
        if self.closed.load(Ordering::Acquire) {
            drop(state);
            self.settle(cell, Err(shut_down()));
            return;
        }
        let admitted = state.scheduler.admit(&class, Arc::clone(cell));
        let start = admitted.map(|(cell, grant)| state.lease(cell, grant));
        drop(state);
        if let Some(start) = start {
            self.launch(start);
        }
    }

    /// Changes the state, and starts the queued work that fits then.
    fn start_what_fits<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        let mut starts = Vec::new();
        let changed = {
            let mut state = self.state();
            let changed = change(&mut state);
            while let Some((cell, grant)) = state.scheduler.next() {
                starts.push(state.lease(cell, grant));
            }
            changed
        };
        for start in starts {
            self.launch(start);
        }
        changed
    }

    fn launch(self: &Arc<Self>, Start { cell, key, place }: Start) {
        let lease = Lease::new(Arc::clone(self), key);
        let cancelled = Arc::new(AtomicBool::new(false));
        let Some(work) = cell.begin(&cancelled) else { return };
        let span =
            tracing::debug_span!("task", name = %cell.name, node = %place.node, id = cell.id.0);
        let view = Arc::new(LocalBackend::task(Arc::clone(self), lease));
        let context = TaskContext::new(Arc::clone(&view) as _, Arc::clone(&place), cancelled);
        let run = Run { cell, view, place };
        match work.job {
            JobKind::Task(mut job, retries) => {
                let context = context.with_restarts(retries, None);
                job.args.extend(work.args.iter().filter_map(value));
                self.runtime.spawn(run.task(job, context).instrument(span));
            }
            JobKind::Actor(construction) => {
                let mut state = self.state();
                let State { scheduler, leases, .. } = &mut *state;
                if let Some(held) = leased(leases, key) {
                    scheduler.pin(&mut held.grant);
                }
                drop(state);
                let context =
                    context.with_restarts(construction.restarts, construction.name.clone());
                self.runtime.spawn(run.actor(construction, context).instrument(span));
            }
            // Calls go through their actor's inbox.
            JobKind::Call(_) => {}
        }
    }

    /// Runs the deadlock detector on the state; `None` when no task waits, which ends the detector.
    pub(super) fn look<T>(&self, at: impl FnOnce(&State) -> T) -> Option<T> {
        let mut state = self.state();
        state.watched = state.waits > 0;
        state.watched.then(|| at(&state))
    }
}

impl State {
    fn lease(&mut self, cell: Arc<Cell>, grant: Grant) -> Start {
        let place = Arc::clone(&grant.place);
        let holder = Arc::clone(&cell);
        let held = Held { holder, grant, waits: Vec::new() };
        let key = Key { holder: cell.id, slot: self.leases.insert(held) };
        Start { cell, key, place }
    }
}

/// The record of a lease that has not ended.
fn leased(leases: &mut Slab<Held>, key: Key) -> Option<&mut Held> {
    leases.get_mut(key.slot).filter(|held| held.holder.id == key.holder)
}

pub(super) fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the backend was shut down")
}

/// The value of an argument that is there.
fn value(arg: &ObjectRef) -> Option<Bytes> {
    cell(arg)?.outcome()?.clone().ok()
}

fn error_of(cell: &Cell) -> Option<Error> {
    cell.outcome().and_then(|outcome| outcome.clone().err())
}
