//! The contract of [`Backend`](crate::Backend) as tests: a case a sentence.
//!
//! Write a [`Factory`] and call [`tests!`] once in a file under `tests/`; it expands to a `#[test]`
//! for each case. Cases of optional capabilities are left out, with a line on standard error, where
//! the backend does not declare them.
//!
//! ```no_run
//! use chia_dispatch::conformance::{self, Factory, Instance, Layout};
//! use chia_dispatch::{Backend, Result};
//! # async fn my_backend(_: Vec<chia_dispatch::Resources>, _: std::sync::Arc<dyn chia_dispatch::Host>)
//! #     -> Result<std::sync::Arc<dyn Backend>> { unimplemented!() }
//!
//! struct MyFactory;
//!
//! #[async_trait::async_trait]
//! impl Factory for MyFactory {
//!     async fn start(&self, layout: Layout) -> Result<Instance> {
//!         Ok(Instance::shared(my_backend(layout.nodes(), conformance::host()).await?))
//!     }
//! }
//!
//! conformance::tests!(MyFactory);
//! # fn main() {}
//! ```
//!
//! # How cases prove things
//! A task tells the case what it does over a socket of the kit, never through the backend, so tasks
//! may run in other processes and a faulty backend cannot hide what it did. Nothing is concluded from
//! a pause: a case waits for an event, and fails at [`Factory::case_limit`] with the name of what
//! did not come. That something must *not* happen is checked when an event after it has been seen.
//!
//! # Worker processes
//! Where tasks run in copies of the test's own binary, start it with [`WORKER_ARGS`] and implement
//! [`Factory::worker`].

mod board;
mod case;
mod cases;
mod factory;
mod host;
mod layout;
#[macro_use]
mod list;
mod program;
mod script;
mod suite;

pub use crate::conformance_tests as tests;
pub use factory::{Factory, Instance};
pub use host::host;
pub use layout::{FAR, Layout, SLOT};
pub use list::case_names;
pub use suite::{Outcome, Suite};

/// The arguments that turn a test binary which calls [`tests!`] into a worker: the test harness then
/// runs [`Factory::worker`] and nothing else.
pub const WORKER_ARGS: [&str; 4] =
    ["conformance_worker_process", "--ignored", "--nocapture", "--test-threads=1"];
