#![doc = include_str!("../README.md")]

pub mod backend;
mod error;
mod feasible;
mod host;
mod panics;
mod resources;

pub use backend::Backend;
#[cfg(feature = "mock")]
pub use backend::MockBackend;
pub use error::{Error, ErrorKind, Result, with_causes};
pub use feasible::feasible_nodes;
pub use host::{Actor, ForeignRunner, Host, Job, Place, TaskContext, no_foreign};
pub use panics::guarded;
pub use resources::{Amount, CPU, GPU, MEMORY, Resources};
