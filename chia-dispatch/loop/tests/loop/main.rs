//! The rules of the loop handle, each on the in-process backend and a real store.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bypass;
mod cache;
mod calls;
mod dead_cache;
mod direct;
mod files;
mod forecast_time;
mod handles;
mod nested;
mod overlay;
mod program;
mod progress;
mod record;
mod rehearse;
mod still_right;
mod summary;
#[cfg(feature = "files")]
mod trees;
