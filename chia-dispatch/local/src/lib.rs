#![doc = include_str!("../README.md")]

mod backend;
mod engine;
mod state;

pub use backend::{LocalBackend, LocalBackendBuilder};
