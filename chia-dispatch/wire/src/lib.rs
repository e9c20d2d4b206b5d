#![doc = include_str!("../README.md")]

mod client;
mod codec;
mod command;
mod feasible;
mod frame;
mod hello;
mod link;
mod nested;
mod parent;
mod request;
mod shared;
mod spec;
mod worker;

pub use client::Client;
pub use frame::{Frame, Kind, MAX_BODY};
pub use hello::{Hello, PROTOCOL};
pub use parent::{Running, Worker};
pub use worker::{WORKER_VARIABLE, run_if_worker, serve_worker};
