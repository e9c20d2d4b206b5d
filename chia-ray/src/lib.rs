#![doc = include_str!("../README.md")]

mod backend;
mod bridge;
mod options;

pub use backend::RayBackend;
pub use options::RayOptions;
