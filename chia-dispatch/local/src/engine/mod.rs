//! The engine: brings cells from submission to outcome.

pub(crate) mod actor;
mod lease;
mod run;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chia_dispatch::backend::{Backend, Node, ObjectId, ObjectRef, Task, TaskOptions};
use chia_dispatch::{Error, ErrorKind, Host, Job, Result, TaskContext};
use tokio::runtime::Handle;
use tracing::{Instrument, Span};

use self::actor::Actors;
pub(crate) use self::lease::Lease;
use self::run::Run;
use crate::state::{
    Cell, Class, JobKind, Key, Queued, Start, State, Wait, cell, deadlock, shut_down,
};

/// Makes a task's view of the backend, with the lease of the task's resources.
pub(crate) type MakeView = fn(Arc<Engine>, Arc<Lease>) -> Arc<dyn Backend>;

/// Everything that the driver's view and the views of tasks share.
pub(crate) struct Engine {
    /// Distinguishes the objects of this backend from those of another.
    number: u64,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) runtime: Handle,
    pub(crate) actors: Actors,
    view: MakeView,
    next_id: AtomicU64,
    /// Set under the lock of the state.
    closed: AtomicBool,
    state: Mutex<State>,
}

static BACKENDS: AtomicU64 = AtomicU64::new(0);

impl Engine {
    pub(crate) fn new(
        host: Arc<dyn Host>,
        runtime: Handle,
        nodes: Vec<Node>,
        view: MakeView,
    ) -> Arc<Self> {
        Arc::new(Self {
            number: BACKENDS.fetch_add(1, Ordering::Relaxed),
            host,
            runtime,
            actors: Actors::default(),
            view,
            next_id: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            state: Mutex::new(State::new(nodes)),
        })
    }

    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.state().scheduler.nodes().to_vec()
    }

    pub(crate) fn put(&self, value: Bytes) -> Arc<Cell> {
        Arc::new(Cell::ready(self.id(), self.number, value))
    }

    pub(crate) fn submit(self: &Arc<Self>, task: Task) -> Result<Arc<Cell>> {
        let Task { entry, payload, args, shared, options } = task;
        let class = self.class(&options)?;
        let name = if options.name.is_empty() { entry.clone() } else { options.name };
        let job = Box::new(Job { entry, payload, args: Vec::new(), shared });
        let job = JobKind::Task(job, options.retries);
        let cells = args.iter().map(|arg| self.cell(arg)).collect::<Result<Vec<_>>>()?;
        let cell = self.make(name, Queued::new(job, args, Some(class)));
        self.submit_made(&cell, &cells);
        Ok(cell)
    }

    /// A cell for some work, which nothing starts yet.
    pub(crate) fn make(&self, name: String, mut queued: Queued) -> Arc<Cell> {
        let id = self.id();
        let span = span(&name, id);
        queued.span = (!span.is_disabled()).then(|| Box::new(span));
        Arc::new(Cell::queued(id, self.number, name, queued))
    }

    /// Starts a cell once its arguments and its place are there.
    pub(crate) fn submit_made(self: &Arc<Self>, cell: &Arc<Cell>, args: &[Arc<Cell>]) {
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
    pub(crate) fn cell(&self, object: &ObjectRef) -> Result<Arc<Cell>> {
        cell(object).filter(|cell| cell.backend == self.number).ok_or_else(|| {
            let message = format!("{} was made by another backend", object.id());
            Error::new(ErrorKind::Unsupported, message)
        })
    }

    /// The class of a task's or an actor's demand.
    pub(crate) fn class(&self, options: &TaskOptions) -> Result<Arc<Class>> {
        if options.runtime_env.is_some() {
            let message = "the in-process backend has no runtime environments: \
                           everything runs in this program's own";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        self.check_open()?;
        self.state().scheduler.class(&options.resources, &options.placement)
    }

    /// Sets a cell's outcome, unless it has one, and sends off whatever was waiting for it.
    pub(crate) fn settle(self: &Arc<Self>, cell: &Cell, outcome: Result<Bytes>) -> bool {
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
    pub(crate) fn cancel(self: &Arc<Self>, cell: &Cell) {
        let message = format!("task `{}` was cancelled", cell.name);
        if self.settle(cell, Err(Error::new(ErrorKind::Cancelled, message))) {
            // It may have stood at the head of a queue, in the way of others.
            self.start_what_fits(|_| ());
        }
    }

    /// Begins a wait, in which a task's `cpu` is lent to others, until [`end_wait`](Self::end_wait).
    pub(crate) fn begin_wait(self: &Arc<Self>, key: Key, on: &Arc<Cell>) -> Result<Arc<Wait>> {
        let pending = deadlock::pending(on);
        let (wait, watch) = self.start_what_fits(|state| {
            let wait = state.begin_wait(key, on, pending, actor::running_call)?;
            Ok((wait, !std::mem::replace(&mut state.watched, true)))
        })?;
        if watch {
            self.runtime.spawn(watch::watch(Arc::downgrade(self)));
        }
        Ok(wait)
    }

    /// Takes a lent `cpu` back, without waiting for it.
    pub(crate) fn end_wait(&self, key: Key, wait: &Arc<Wait>) {
        self.state().end_wait(key, wait);
    }

    /// Gives back what a lease holds.
    pub(crate) fn end_lease(self: &Arc<Self>, key: Key) {
        self.start_what_fits(|state| state.end_lease(key));
    }

    /// Ends everything. What runs is dropped at its next await point.
    pub(crate) fn close(self: &Arc<Self>) {
        let cells: Vec<Arc<Cell>> = {
            let mut state = self.state();
            self.closed.store(true, Ordering::Release);
            let queued = state.scheduler.clear();
            state.running().chain(queued).collect()
        };
        for cell in cells {
            self.settle(&cell, Err(shut_down()));
        }
        self.actors.close();
    }

    /// Refuses once the backend was shut down.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(shut_down()) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn id(&self) -> ObjectId {
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
        let lease = Arc::new(Lease::new(Arc::clone(self), key));
        let cancelled = Arc::new(AtomicBool::new(false));
        let Some(work) = cell.begin(&cancelled) else { return };
        let span = work.span.map_or_else(Span::none, |span| *span);
        span.record("chia.node", &*place.node);
        let view = (self.view)(Arc::clone(self), Arc::clone(&lease));
        let context = TaskContext::new(view, Arc::clone(&place), cancelled);
        let run = Run { engine: Arc::clone(self), cell, lease, place };
        match work.job {
            JobKind::Task(mut job, retries) => {
                let context = context.with_restarts(retries, None);
                job.args.extend(work.args.iter().filter_map(value));
                self.runtime.spawn(run.task(job, context).instrument(span));
            }
            JobKind::Actor(construction) => {
                self.state().pin(key);
                let context =
                    context.with_restarts(construction.restarts, construction.name.clone());
                self.runtime.spawn(run.actor(construction, context).instrument(span));
            }
            // Calls go through their actor's inbox.
            JobKind::Call(_) => {}
        }
    }

    /// Runs the deadlock detector on the state; `None` when no task waits, which ends the detector.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&State) -> T) -> Option<T> {
        let mut state = self.state();
        state.watched = state.has_waits();
        state.watched.then(|| at(&state))
    }
}

/// The span of a task or actor call, below the span that submits it: from then until it is done.
fn span(name: &str, id: ObjectId) -> Span {
    tracing::debug_span!(
        "task",
        otel.name = %format_args!("task {name}"),
        otel.kind = "internal",
        chia.task.name = name,
        chia.task.id = id.0,
        chia.node = tracing::field::Empty,
    )
}

/// The value of an argument that is there.
fn value(arg: &ObjectRef) -> Option<Bytes> {
    cell(arg)?.outcome()?.clone().ok()
}

fn error_of(cell: &Cell) -> Option<Error> {
    cell.outcome().and_then(|outcome| outcome.clone().err())
}
