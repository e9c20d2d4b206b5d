#![doc = include_str!("../README.md")]

mod actor;
mod backend;
mod builder;
mod group;
mod host;
mod identity;
mod memory;
mod process;
mod workers;

pub use backend::ProcessPool;
pub use builder::ProcessPoolBuilder;

/// The pool as the worked example of how to write a backend.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/write-your-own-backend.md")]
pub mod write_your_own_backend {}
