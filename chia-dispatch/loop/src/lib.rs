#![doc = include_str!("../README.md")]

#[macro_use]
mod warning;

mod breaker;
mod builder;
mod chia;
mod command;
mod envelope;
mod failure;
mod outcome;
mod progress;
mod record;
#[doc(hidden)]
pub mod registration;
mod registry;
mod ruleset;
mod span;
mod state;
mod summary;
mod worker;

pub use builder::ChiaBuilder;
pub use chia::{
    ActorHandle, AsCompleted, Call, Chia, Completed, Handle, MethodCall, NewActor, as_completed,
    block_on, wait,
};
#[cfg(feature = "files")]
pub use chia_archive::{Directory, File};
pub use chia_dispatch::{
    Amount, Backend, CPU, Error, ErrorKind, GPU, MEMORY, Place, Resources, Result,
};
#[cfg(feature = "local")]
pub use chia_local::LocalBackend;
pub use chia_macros::{condition, function, provider};
pub use chia_services::{
    Blob, CacheClient, CacheEntry, CacheOptions, FileClient, FileServerStats, Value, decode, encode,
};
pub use command::Command;
pub use outcome::{CacheWrite, Outcome, Source, Tally};
pub use progress::Progress;
#[doc(hidden)]
pub use registry::body;
pub use registry::{
    ActorKind, AnyMethod, Arguments, Condition, Function, IntoArg, IntoArguments, IntoMethod,
    Method, Provider, Registry, Shown, Site,
};
pub use summary::Summary;
pub use worker::Worker;

/// The store's own types, where they show in this API.
pub mod cache {
    pub use chia_cache::{ByteSize, Durability, Facts, NewEntry, Origin, Policy, Stats, Written};
}

/// The rules' and decisions' own types, where they show in this API.
pub mod rules {
    pub use chia_bypass::{
        Answer, Explanation, Forecast, Gate, Mode, Outcome as DecisionOutcome, Override, Reason,
        Section, Unused, Usage,
    };
    pub use chia_config::{Config, ConfigError, Diagnostic};
}

/// Testing a loop without a cluster.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/testing-your-loop.md")]
pub mod testing_your_loop {}

/// The `tracing` spans of a loop, and their fields.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/spans.md")]
pub mod spans {}

/// What is compared before a replay, and how a run overrules its rules.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/is-it-still-right.md")]
pub mod is_it_still_right {}
