#![doc = include_str!("../README.md")]

mod cache;
mod cache_client;
pub mod codec;
mod direct;
mod files;
pub mod message;
mod metrics;
mod overlay;
mod owner;
pub mod warnings;

pub use cache::{CACHE_KIND, CacheInit, open_cache, serve_cache, serve_cache_at};
pub use cache_client::{CacheClient, CacheEntry, CacheLocation, CacheOptions};
pub use codec::{Blob, Value, decode, encode};
pub use direct::{CacheEndpoint, DirectClient, Secret};
pub use files::{FILES_KIND, FileClient, FileServerStats, FilesInit, open_files, serve_files};
pub use overlay::OverlayStore;
pub use owner::{OwnerClient, OwnerError};

use chia_dispatch::{Error, ErrorKind, Result};

fn unknown_method(kind: &str, method: &str) -> Error {
    Error::new(ErrorKind::NotRegistered, format!("the {kind} actor has no method `{method}`"))
}

/// Runs a blocking step of an actor off the runtime's threads.
async fn blocking<R: Send + 'static>(
    step: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    match tokio::task::spawn_blocking(step).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::new(ErrorKind::ShutDown, "the runtime is shutting down")),
    }
}
