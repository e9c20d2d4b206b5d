//! The worker's side of a backend: what runs a task, once it has its place and its arguments.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use crate::backend::{Backend, Shared};
use crate::error::Result;
use crate::resources::Resources;

/// What a backend runs tasks and actors with. A registry of functions is one; a backend is
/// given it at its start, or finds it in the worker process.
///
/// Both methods may block no thread of the runtime: blocking bodies are the host's own business. A
/// blocking body keeps a clone of the context until it returns, since that is what tells the backend,
/// when the task was cancelled, that its resources are still in use.
/// A panic inside is caught by the backend.
///
/// Both are polled on a tokio runtime of any flavour, with time and I/O enabled, which outlives the
/// call and, for an actor, the actor.
///
/// A host may drop the context at any time, in an actor's constructor even. A backend that needs it
/// keeps a clone until the result is known (for an actor: until it has ended); only after a
/// cancellation or a kill do clones that still live mean that resources are in use.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Runs a task and returns its result's bytes.
    ///
    /// # Errors
    /// [`NotRegistered`](crate::ErrorKind::NotRegistered) for an unknown entry, or what the body says.
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes>;

    /// Makes an actor of a kind. The context serves the actor as long as it lives.
    ///
    /// # Errors
    /// [`NotRegistered`](crate::ErrorKind::NotRegistered) for an unknown kind, or what its
    /// constructor says.
    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>>;
}

/// A living actor, as its host made it.
#[async_trait]
pub trait Actor: Send + Sync + 'static {
    /// Runs one method. Calls overlap if the actor was declared concurrent.
    ///
    /// # Errors
    /// Whatever the method says; the actor lives on.
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes>;
}

/// A task on its worker: [`Task`](crate::backend::Task) with its arguments resolved.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to run.
    pub entry: String,
    /// The blob of the submission.
    pub payload: Bytes,
    /// The bytes of the submission's object arguments, in order.
    pub args: Vec<Bytes>,
    /// The shared blob of the submission.
    pub shared: Option<Shared>,
}

/// What runs bodies that are not in the program: on Ray, functions in Python. A worker has one or not.
#[async_trait]
pub trait ForeignRunner: Send + Sync + 'static {
    /// Runs a body by its full name, with its encoded arguments, and returns its encoded result: within
    /// the task that asks, on its worker, with what it holds. The rules of its calls are the task's.
    ///
    /// # Errors
    /// [`NotRegistered`](crate::ErrorKind::NotRegistered) when there is none of this name,
    /// [`Encode`](crate::ErrorKind::Encode) for a result that has no bytes, or what the body says.
    async fn run(&self, name: &str, args: Vec<Bytes>) -> Result<Bytes>;
}

/// Where a task runs, and its way back to the backend.
#[derive(Clone)]
pub struct TaskContext {
    backend: Arc<dyn Backend>,
    place: Arc<Place>,
    cancelled: Arc<AtomicBool>,
    foreign: Option<Arc<dyn ForeignRunner>>,
    restarts: Restarts,
}

/// What a host must know to make up for the death of a process.
#[derive(Clone, Debug, Default)]
struct Restarts {
    allowed: u32,
    actor_name: Option<Arc<str>>,
}

/// The error of a body that is not in this program, on a backend without a [`ForeignRunner`].
#[must_use]
pub fn no_foreign(name: &str) -> crate::Error {
    let message = format!(
        "`{name}` is not in this program, and this backend runs nothing else: use one that does \
         (Ray), or replace the call by a provider, a recorded file or the cache"
    );
    crate::Error::new(crate::ErrorKind::Unsupported, message)
}

/// Where a task runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The id of the node.
    pub node: String,
    /// What the task holds while it runs.
    pub resources: Resources,
    /// How often the task was started before: 0 at first, 1 at its first retry.
    pub attempt: u32,
}

impl TaskContext {
    /// A context, made by backends. `backend` must know that this task is the one who waits: a backend
    /// makes one such view of itself a task.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, place: Arc<Place>, cancelled: Arc<AtomicBool>) -> Self {
        Self { backend, place, cancelled, foreign: None, restarts: Restarts::default() }
    }

    /// The same context for a host that makes up for the death of processes itself: how often the
    /// task may be run again, or the actor be made anew, and the actor's name if it has one.
    #[must_use]
    pub fn with_restarts(self, allowed: u32, actor_name: Option<Arc<str>>) -> Self {
        Self { restarts: Restarts { allowed, actor_name }, ..self }
    }

    /// How often the task may be run again, or the actor be made anew, after the death of its
    /// process. 0 where the backend sees to that itself.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts.allowed
    }

    /// The actor's name. `None` for a task, for an actor without one, and where the backend makes up
    /// for the death of processes itself.
    #[must_use]
    pub fn actor_name(&self) -> Option<&str> {
        self.restarts.actor_name.as_deref()
    }

    /// The same context for a worker that runs bodies of other languages.
    #[must_use]
    pub fn with_foreign(self, foreign: Arc<dyn ForeignRunner>) -> Self {
        Self { foreign: Some(foreign), ..self }
    }

    /// What runs bodies of other languages, if this worker has it.
    #[must_use]
    pub fn foreign(&self) -> Option<&Arc<dyn ForeignRunner>> {
        self.foreign.as_ref()
    }

    /// The backend, as seen from inside this task: a wait through it gives the task's `cpu` back.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Where the task runs.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the task was cancelled. Long blocking bodies ask now and then, and return early.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("backend", &self.backend.name())
            .field("place", &self.place)
            .field("cancelled", &self.is_cancelled())
            .finish()
    }
}
