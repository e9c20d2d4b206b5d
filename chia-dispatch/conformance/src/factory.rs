//! What the author of a backend writes to have it checked.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chia_dispatch::Result;
use chia_dispatch::backend::Backend;

use super::Layout;

/// Makes a fresh backend for each case.
#[async_trait]
pub trait Factory: Send + Sync + 'static {
    /// Starts an instance with the nodes of a layout, whose tasks are run by
    /// [`host()`](super::host()). No name of an actor, task or object of an earlier instance may be
    /// visible in it. Two instances of one layout are never asked for at a time.
    ///
    /// # Errors
    /// Whatever keeps it from starting; the case then fails.
    async fn start(&self, layout: Layout) -> Result<Instance>;

    /// How long one case may take before it counts as hung: two minutes.
    fn case_limit(&self) -> Duration {
        Duration::from_secs(120)
    }

    /// The address under which workers reach the test's own process: loopback, unless they run on
    /// other machines. Cases learn from tasks what happened over a socket of their own, so that a
    /// faulty backend cannot hide it.
    fn reachable_at(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    /// What a worker process does, where the backend starts copies of the test's own binary with
    /// [`WORKER_ARGS`](super::WORKER_ARGS): serve [`host()`](super::host()) until its parent is
    /// gone. Returns at once in a process that is no worker.
    fn worker(&self) {}
}

/// A running backend, and what is to be dropped after it.
pub struct Instance {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) guard: Box<dyn Any + Send>,
}

impl Instance {
    /// An instance that leaves nothing behind once it is shut down.
    pub fn new(backend: impl Backend) -> Self {
        Self::shared(Arc::new(backend))
    }

    /// As [`new`](Self::new), of a backend that others hold too.
    #[must_use]
    pub fn shared(backend: Arc<dyn Backend>) -> Self {
        Self { backend, guard: Box::new(()) }
    }

    /// The same instance with its backend in a wrapper.
    #[must_use]
    pub fn map<B: Backend>(mut self, wrap: impl FnOnce(Arc<dyn Backend>) -> B) -> Self {
        self.backend = Arc::new(wrap(self.backend));
        self
    }

    /// The same instance with a clean-up guard: it is dropped after the case, passed or failed, when
    /// the backend was shut down.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Box::new(guard);
        self
    }
}
