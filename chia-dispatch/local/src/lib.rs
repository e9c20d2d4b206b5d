#![doc = include_str!("../README.md")]

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
