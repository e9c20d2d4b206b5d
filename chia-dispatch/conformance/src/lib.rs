#![doc = include_str!("../README.md")]

mod board;
mod case;
mod cases;
mod factory;
#[cfg(feature = "loop")]
mod fork;
mod host;
mod layout;
#[macro_use]
mod list;
#[cfg(feature = "loop")]
mod program;
mod script;
mod suite;
#[cfg(feature = "loop")]
mod warnings;

pub use crate::conformance_tests as tests;
pub use factory::{Factory, Instance};
#[cfg(feature = "loop")]
pub use fork::{check_fork, drive_fork, is_fork_driver};
pub use host::host;
pub use layout::{FAR, Layout, SLOT};
pub use list::case_names;
pub use suite::{Outcome, Suite};

/// The arguments that turn a test binary which calls [`tests!`] into a worker: the test harness then
/// runs [`Factory::worker`] and nothing else.
pub const WORKER_ARGS: [&str; 4] =
    ["conformance_worker_process", "--ignored", "--nocapture", "--test-threads=1"];
