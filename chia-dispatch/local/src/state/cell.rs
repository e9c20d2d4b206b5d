//! The cell of one object: its value, and until then the work that will make it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use chia_dispatch::backend::{ObjectId, ObjectRef};
use chia_dispatch::{Job, Result};
use tokio::sync::SetOnce;
use tracing::Span;

use super::scheduler::{Class, Entry};

/// The one allocation that an object costs; every [`ObjectRef`] to it holds it.
pub(crate) struct Cell {
    pub(crate) id: ObjectId,
    /// The task's name in messages; empty for values that were put.
    pub(crate) name: String,
    /// Distinguishes objects of this backend from those of another.
    pub(crate) backend: u64,
    outcome: SetOnce<Result<Bytes>>,
    /// How many arguments are not there yet, and one for the submission that is under way.
    missing: AtomicUsize,
    stage: Mutex<Stage>,
}

/// The progress of the cell, and the cells that take its value as an argument.
struct Stage {
    work: Work,
    dependents: Vec<Arc<Cell>>,
}

enum Work {
    /// Waits for its arguments or for a place.
    Queued(Queued),
    /// Runs. The flag asks a blocking body to stop.
    Running(Arc<AtomicBool>),
    /// Nothing is left to do.
    Over,
}

/// Work that has not begun.
pub(crate) struct Queued {
    pub(crate) job: JobKind,
    pub(crate) args: Vec<ObjectRef>,
    /// The resources that it needs; `None` for calls of actors, which need none.
    pub(crate) class: Option<Arc<Class>>,
    /// The span of the work, if a subscriber wants it. Boxed, since most programs have none.
    pub(crate) span: Option<Box<Span>>,
}

impl Queued {
    pub(crate) fn new(job: JobKind, args: Vec<ObjectRef>, class: Option<Arc<Class>>) -> Self {
        Self { job, args, class, span: None }
    }
}

/// The work itself. Boxed, so that finished cells and running tasks stay small.
pub(crate) enum JobKind {
    /// A task for the host, its arguments still to be filled in, and how often it may be run again.
    Task(Box<Job>, u32),
    /// The constructor of an actor.
    Actor(Box<Construction>),
    /// A method of a living actor.
    Call(Box<MethodCall>),
}

/// The construction of an actor, which is run as a task.
pub(crate) struct Construction {
    /// The actor's number, which leads to it while it lives.
    pub(crate) actor: u64,
    pub(crate) kind: String,
    pub(crate) init: Bytes,
    /// The actor's name, and how often it may be constructed again.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) restarts: u32,
}

/// A call of an actor's method.
pub(crate) struct MethodCall {
    pub(crate) method: String,
    pub(crate) payload: Bytes,
    /// The queue in which it waits, when its actor is ordered.
    pub(crate) queue: Option<Arc<CallQueue>>,
}

/// The call that an ordered actor makes now. All later ones wait for it.
#[derive(Default)]
pub(crate) struct CallQueue(Mutex<Weak<Cell>>);

impl CallQueue {
    pub(crate) fn set_current(&self, call: &Arc<Cell>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(call);
    }

    fn current(&self) -> Option<Arc<Cell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }
}

impl JobKind {
    fn after(&self) -> Option<Arc<Cell>> {
        match self {
            Self::Call(call) => call.queue.as_ref()?.current(),
            Self::Task(..) | Self::Actor(_) => None,
        }
    }
}

/// The state of a cell, as the deadlock detector sees it.
pub(crate) enum CellState {
    /// Its work has not begun.
    Queued {
        /// The resources that it needs.
        class: Option<Arc<Class>>,
        args: Vec<ObjectRef>,
        /// The call that an ordered actor makes before this one.
        after: Option<Arc<Cell>>,
    },
    /// Its work is under way.
    Running,
    /// Its value or error is there.
    Over,
}

impl Cell {
    pub(crate) fn queued(id: ObjectId, backend: u64, name: String, queued: Queued) -> Self {
        let missing = AtomicUsize::new(queued.args.len() + 1);
        let stage = Stage { work: Work::Queued(queued), dependents: Vec::new() };
        Self { id, name, backend, outcome: SetOnce::new(), missing, stage: Mutex::new(stage) }
    }

    pub(crate) fn ready(id: ObjectId, backend: u64, value: Bytes) -> Self {
        Self {
            id,
            name: String::new(),
            backend,
            outcome: SetOnce::new_with(Some(Ok(value))),
            missing: AtomicUsize::new(0),
            stage: Mutex::new(Stage { work: Work::Over, dependents: Vec::new() }),
        }
    }

    /// The value or the error, once it is there.
    pub(crate) fn outcome(&self) -> Option<&Result<Bytes>> {
        self.outcome.get()
    }

    /// Waits for the value or the error. May be dropped and begun again.
    pub(crate) async fn wait(&self) -> &Result<Bytes> {
        self.outcome.wait().await
    }

    /// Sets the outcome and gives back the cells that were waiting for it. The first outcome stays:
    /// `None` when there is one already.
    pub(crate) fn settle(&self, outcome: Result<Bytes>) -> Option<Vec<Arc<Self>>> {
        self.outcome.set(outcome).ok()?;
        let mut stage = self.stage();
        if let Work::Running(cancelled) = &stage.work {
            cancelled.store(true, Ordering::Release);
        }
        let work = std::mem::replace(&mut stage.work, Work::Over);
        let dependents = std::mem::take(&mut stage.dependents);
        drop(stage);
        drop(work);
        Some(dependents)
    }

    /// Registers `dependent`, to be notified of the outcome. False when this cell has it already.
    pub(crate) fn notify(&self, dependent: &Arc<Self>) -> bool {
        let mut stage = self.stage();
        if self.outcome.initialized() {
            return false;
        }
        stage.dependents.push(Arc::clone(dependent));
        true
    }

    /// Counts arguments that are there. True for the call that counted the last one.
    pub(crate) fn arrived(&self, count: usize) -> bool {
        self.missing.fetch_sub(count, Ordering::AcqRel) == count
    }

    /// Takes the work to begin it; `None` when it was cancelled.
    pub(crate) fn begin(&self, cancelled: &Arc<AtomicBool>) -> Option<Queued> {
        let mut stage = self.stage();
        if self.outcome.initialized() {
            return None;
        }
        match std::mem::replace(&mut stage.work, Work::Over) {
            Work::Queued(queued) => {
                stage.work = Work::Running(Arc::clone(cancelled));
                Some(queued)
            }
            other => {
                stage.work = other;
                None
            }
        }
    }

    /// The class that the work needs, while it has not begun.
    pub(crate) fn class(&self) -> Option<Arc<Class>> {
        match &self.stage().work {
            Work::Queued(queued) => queued.class.clone(),
            _ => None,
        }
    }

    pub(crate) fn state(&self) -> CellState {
        match &self.stage().work {
            Work::Queued(queued) => CellState::Queued {
                class: queued.class.clone(),
                args: queued.args.clone(),
                after: queued.job.after(),
            },
            Work::Running(_) => CellState::Running,
            Work::Over => CellState::Over,
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // No code of users runs under this lock, so that nothing can be half done behind a panic.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry for Arc<Cell> {
    fn is_wanted(&self) -> bool {
        !self.outcome.initialized()
    }
}

/// The cell behind a reference of this kind of backend.
pub(crate) fn cell(object: &ObjectRef) -> Option<Arc<Cell>> {
    object.inner_arc::<Cell>()
}
