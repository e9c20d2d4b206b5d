#![doc = include_str!("../README.md")]

pub mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod host;
#[cfg(feature = "local")]
pub mod local;
mod resources;
#[cfg(feature = "wire")]
pub mod wire;

pub use backend::Backend;
#[cfg(feature = "mock")]
pub use backend::MockBackend;
pub use error::{Error, ErrorKind, Result};
pub use host::{Actor, Host, Job, Place, TaskContext};
#[cfg(feature = "local")]
pub use local::LocalBackend;
pub use resources::{Amount, CPU, GPU, MEMORY, Resources};
