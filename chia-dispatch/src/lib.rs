#![doc = include_str!("../README.md")]

#[cfg(feature = "loop")]
pub mod actors;
pub mod backend;
#[cfg(feature = "loop")]
mod chia;
#[cfg(feature = "loop")]
mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "loop")]
mod envelope;
mod error;
mod host;
#[cfg(feature = "local")]
pub mod local;
#[cfg(any(feature = "local", feature = "loop", feature = "wire"))]
mod panics;
#[cfg(feature = "pool")]
pub mod pool;
#[cfg(feature = "loop")]
mod registry;
mod resources;
#[cfg(feature = "loop")]
mod summary;
#[cfg(feature = "wire")]
pub mod wire;
#[cfg(feature = "loop")]
mod worker;

#[cfg(feature = "loop")]
pub use actors::{CacheClient, CacheEntry, CacheOptions, FileClient, FileServerStats};
pub use backend::Backend;
#[cfg(feature = "mock")]
pub use backend::MockBackend;
#[cfg(feature = "loop")]
pub use chia::{Call, Chia, ChiaBuilder, Handle, block_on};
#[cfg(feature = "loop")]
pub use codec::{Blob, Value, decode, encode};
#[cfg(feature = "loop")]
pub use envelope::{CacheWrite, Outcome, Source};
pub use error::{Error, ErrorKind, Result};
pub use host::{Actor, Foreign, Host, Job, Place, TaskContext};
#[cfg(feature = "local")]
pub use local::LocalBackend;
#[cfg(feature = "pool")]
pub use pool::ProcessPool;
#[cfg(feature = "loop")]
pub use registry::{
    Arguments, Condition, Function, IntoArg, IntoArguments, Provider, Registry, Shown, Site,
};
pub use resources::{Amount, CPU, GPU, MEMORY, Resources};
#[cfg(feature = "loop")]
pub use summary::{Summary, Tally};

/// The store's own types, where they show in this API.
#[cfg(feature = "loop")]
pub mod cache {
    pub use chia_cache::{ByteSize, Durability, Facts, NewEntry, Origin, Stats, Written};
}

/// The rules' and decisions' own types, where they show in this API.
#[cfg(feature = "loop")]
pub mod rules {
    pub use chia_bypass::{Explanation, Gate, Outcome as DecisionOutcome, Reason, Section};
    pub use chia_config::{Config, ConfigError, Diagnostic};
}

/// Testing a loop without a cluster.
#[cfg(all(feature = "loop", any(doc, doctest)))]
#[doc = include_str!("../docs/testing-your-loop.md")]
pub mod testing_your_loop {}
