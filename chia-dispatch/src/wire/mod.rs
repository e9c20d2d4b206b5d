//! A backend spoken over a socket, for engines whose workers are processes of their own.
//!
//! Two pairs of peers use it. A [`Client`] implements [`Backend`](crate::Backend) over a socket: the
//! driver of a remote engine holds one, and so does every worker process, for the calls that its
//! tasks make. A worker process runs [`run_if_worker`] (or [`serve_worker`]); whoever starts it from
//! Rust holds a [`Worker`], other languages speak the frames themselves.
//!
//! The frames are documented in `docs/WIRE.md` of this crate.

mod client;
mod codec;
mod feasible;
mod frame;
mod hello;
mod link;
mod nested;
mod order;
mod parent;
mod request;
mod shared;
mod spec;
mod worker;

pub use client::Client;
pub use frame::{Frame, Kind, MAX_BODY};
pub use hello::{Hello, PROTOCOL};
pub use parent::Worker;
pub use worker::{WORKER_VARIABLE, run_if_worker, serve_worker};
