#![doc = include_str!("../README.md")]

mod backend;
mod bridge;
#[cfg(feature = "cluster")]
pub mod cluster;
mod options;
mod program;

pub use backend::RayBackend;
pub use options::RayOptions;
pub use program::main;
