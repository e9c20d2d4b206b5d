//! The in-process backend: tasks and actors on the tokio runtime of this program (feature `local`).
//!
//! It is given nodes with capacities, honours them, queues what does not fit now, and refuses what
//! never can. What is particular to it, beyond the contract of [`Backend`](crate::Backend):
//!
//! * Nodes are a matter of book-keeping: all of them run in this process.
//! * `Anywhere` takes the first node with room, in the order in which they were given; `Spread` goes
//!   round; `Driver` and `Head` are the first node.
//! * A task that is cancelled is dropped at its next await point. What it holds is free again when
//!   the last clone of its [`TaskContext`](crate::TaskContext) is gone: a host that runs blocking
//!   bodies keeps one inside the body, so that a licence is not given away while it is in use.
//! * A wait that cannot end because the waiter itself holds what the awaited task needs fails at
//!   once. A ring of tasks that only wait for one another is looked for every second, and reported
//!   when it stood still for that long; tasks that may still go on are never part of one.
//! * An actor with [`Lifetime::Driver`](crate::backend::Lifetime::Driver) ends when its last
//!   reference and its last call are gone. Every actor ends with the process, detached or not.
//! * There are no processes that could die, hence no retries and no restarts.
//! * Dropping the backend shuts it down.

mod actor;
mod backend;
mod builder;
mod cell;
mod deadlock;
mod engine;
mod lease;
mod run;
mod scheduler;

pub use backend::LocalBackend;
pub use builder::LocalBackendBuilder;
