#![doc = include_str!("../../docs/write-your-own-backend.md")]

mod actor;
mod backend;
mod builder;
mod crew;
mod envelope;
mod host;
mod memory;
mod process;

pub use backend::ProcessPool;
pub use builder::ProcessPoolBuilder;
