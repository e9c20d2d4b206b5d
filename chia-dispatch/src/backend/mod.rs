//! The one trait that an execution engine implements.

mod actor;
mod forward;
mod node;
mod object;
mod task;

use async_trait::async_trait;
use bytes::Bytes;

pub use actor::{ActorCall, ActorRef, ActorSpec, Concurrency, Lifetime};
pub use node::{Capabilities, Node};
pub use object::{ObjectId, ObjectRef};
pub use task::{Placement, Shared, Task, TaskOptions};

use crate::error::Result;

/// An execution engine: tasks, named actors and the objects that they leave.
///
/// A backend moves bytes and knows nothing of rules, caches or types: what a task does is decided
/// by the [`Host`](crate::Host) that runs it on the worker's side. This page is the contract; the
/// conformance kit (feature `conformance`) checks it, a case a sentence.
///
/// # Tasks
/// * [`submit`](Self::submit) returns as soon as the task is accepted, never waits for it to run,
///   and refuses at once ([`Infeasible`](crate::ErrorKind::Infeasible), naming the shortfall) what
///   no node could ever hold.
/// * A task starts when all objects in [`Task::args`] are there and a node has the demanded
///   resources free. What does not fit now waits; tasks of the same demand start in the order of
///   their submission, and no demand starves another. There is no other order between tasks.
/// * A failed argument fails the task with the argument's error, without running it.
/// * The host runs each accepted task at most once, and again only after the death of its process
///   or node, at most [`TaskOptions::retries`] times. An error or a panic of the body is an answer
///   and is not tried again.
/// * A panic or error in a task reaches the awaiter as an [`Error`](crate::Error) with its message
///   and never takes the backend down. It says on which node ([`Error::node`](crate::Error::node)).
///
/// # Objects
/// * An [`ObjectRef`] names a result that is there or will be. It may be cloned, awaited any number
///   of times, from any task, and passed to other tasks; the value then goes from worker to worker.
/// * Dropping the last clone releases the object. It detaches the task, it never cancels it.
/// * [`get`](Self::get) may be dropped at any await point without harm; a time-out is a dropped `get`.
///
/// # Waiting inside a task
/// * A task reaches the backend only through [`TaskContext::backend`](crate::TaskContext), which
///   knows who waits: while a task waits in [`get`](Self::get) its `cpu` is free for others, and
///   nothing else is. It goes on when the result is there, without waiting for a free `cpu`.
/// * A wait that can never end because the waiter itself holds what the awaited task needs fails
///   with [`Deadlock`](crate::ErrorKind::Deadlock). It is the `get` that fails: the awaited task stays
///   queued. Rings of several waiting tasks need not be found; where they are, the wait of the one
///   that was submitted last fails, and the others are looked at again.
/// * An actor that waits keeps all it holds, its `cpu` as well; the rule above then counts that.
///
/// # Cancellation
/// * [`cancel`](Self::cancel) of a queued task means it never runs. A running asynchronous body is
///   dropped at its next await point; a blocking one is notified through
///   [`TaskContext::is_cancelled`](crate::TaskContext::is_cancelled) and its result is discarded.
///   Awaiters get [`Cancelled`](crate::ErrorKind::Cancelled) without waiting for the body to notice.
///   Cancelling what has finished does nothing.
/// * What a cancelled task holds is given back when its body has ended, and not before. A backend that
///   can end a body from outside may do so, after a time of grace.
/// * A cancelled call of an actor that has not begun never runs. A method under way is dropped at an
///   await point or comes to its end, as the backend likes; its actor lives on and takes the next call.
///
/// # Actors
/// * At most one living actor has a given name. [`actor`](Self::actor) creates it or, if one lives,
///   returns that one and ignores the rest of the specification; of several racing creators one
///   creates.
/// * An [`Ordered`](Concurrency::Ordered) actor runs one call at a time; calls from one caller run in
///   the order they were made, also when an argument of an earlier one is still to come. A caller is the
///   driver, one task, or one actor; calls of different callers have no order. A
///   [`Concurrent`](Concurrency::Concurrent) actor overlaps its calls.
/// * An actor holds what its specification demands for as long as it lives, whether or not its host
///   keeps the context. Dropping the last reference to one of the driver's lifetime ends it when the
///   calls made before are done.
/// * A method that fails or panics fails that call alone. When an actor's process dies, calls under
///   way fail with [`ActorDied`](crate::ErrorKind::ActorDied); it is created anew from its
///   specification as often as [`ActorSpec::restarts`] allows.
///
/// # Shutdown
/// * [`shutdown`](Self::shutdown) ends what runs; all waiters get
///   [`ShutDown`](crate::ErrorKind::ShutDown), as does every later call, a [`get`](Self::get) of what
///   was there before as well. It may be called twice.
/// * Bodies end as with a cancellation: an asynchronous one is dropped at its next await point, a
///   blocking one is notified. One that does not notice is not waited for without end.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// A short name for people: `local`, `pool`, `ray`.
    fn name(&self) -> &str;

    /// What this backend can do beyond the contract; optional conformance cases go by it.
    fn capabilities(&self) -> Capabilities;

    /// Hands in a task.
    ///
    /// # Errors
    /// [`Infeasible`](crate::ErrorKind::Infeasible), [`Unsupported`](crate::ErrorKind::Unsupported)
    /// options, or a lost backend. Failures of the task itself come from [`get`](Self::get).
    async fn submit(&self, task: Task) -> Result<ObjectRef>;

    /// Makes an object of a value, to be passed to several tasks or to travel by reference.
    ///
    /// # Errors
    /// A lost backend, or no room for the value.
    async fn put(&self, value: Bytes) -> Result<ObjectRef>;

    /// Waits for an object and returns its bytes.
    ///
    /// # Errors
    /// The error of the task that should have made it, [`Deadlock`](crate::ErrorKind::Deadlock), or
    /// the loss of worker, node or backend.
    async fn get(&self, object: &ObjectRef) -> Result<Bytes>;

    /// Whether [`get`](Self::get) would return without waiting.
    ///
    /// # Errors
    /// A lost backend.
    async fn is_ready(&self, object: &ObjectRef) -> Result<bool>;

    /// Asks for the end of the task that makes this object.
    ///
    /// # Errors
    /// A lost backend. That there is nothing to cancel is no error.
    async fn cancel(&self, object: &ObjectRef) -> Result<()>;

    /// The actor of this specification: the living one of its name, or a new one.
    ///
    /// # Errors
    /// [`Infeasible`](crate::ErrorKind::Infeasible), or the error of the actor's constructor.
    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef>;

    /// The living actor of a name, if there is one.
    ///
    /// # Errors
    /// A lost backend.
    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>>;

    /// Calls a method of an actor. Returns when the call is on its way.
    ///
    /// # Errors
    /// [`ActorDied`](crate::ErrorKind::ActorDied) when that is known already. Failures of the method
    /// come from [`get`](Self::get).
    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef>;

    /// Ends an actor for good. Calls under way fail; its name is free again.
    ///
    /// # Errors
    /// A lost backend. That it is dead already is no error.
    async fn kill_actor(&self, actor: &ActorRef) -> Result<()>;

    /// The nodes, the driver's own first.
    ///
    /// # Errors
    /// A lost backend.
    async fn nodes(&self) -> Result<Vec<Node>>;

    /// Ends the backend; see the contract above.
    ///
    /// # Errors
    /// What could not be ended or cleaned up.
    async fn shutdown(&self) -> Result<()>;
}
