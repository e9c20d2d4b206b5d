//! Nodes, limits, and the start.

use std::ffi::OsString;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use chia_dispatch::{Error, ErrorKind, Resources, Result};
use chia_local::{LocalBackend, LocalBackendBuilder};
use chia_wire::WORKER_VARIABLE;

use super::backend::ProcessPool;
use super::host::PoolHost;
use super::process::Launch;
use super::workers::Workers;

/// Collects the nodes and limits of a [`ProcessPool`].
#[derive(Clone, Debug)]
pub struct ProcessPoolBuilder {
    nodes: LocalBackendBuilder,
    args: Vec<OsString>,
    time_limit: Option<Duration>,
    grace: Duration,
}

impl Default for ProcessPoolBuilder {
    fn default() -> Self {
        let nodes = LocalBackend::builder();
        Self { nodes, args: Vec::new(), time_limit: None, grace: Duration::from_secs(1) }
    }
}

impl ProcessPool {
    /// Nodes first, then [`start`](ProcessPoolBuilder::start).
    #[must_use]
    pub fn builder() -> ProcessPoolBuilder {
        ProcessPoolBuilder::default()
    }
}

impl ProcessPoolBuilder {
    /// Adds a node. The first one is the driver's, and the head. The name is its id as well.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>, capacity: Resources) -> Self {
        self.nodes = self.nodes.node(name, capacity);
        self
    }

    /// The arguments to start worker processes with: none, unless the program needs some to come to
    /// [`run_if_worker`](chia_wire::run_if_worker).
    #[must_use]
    pub fn worker_args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// How long a task may run, waits included, before its process is killed: for ever by default.
    /// The task then fails as by any death of its process.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// How long a cancelled body may take to notice before its process is killed: a second.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the pool on the tokio runtime of the caller. Processes start when they are needed.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without nodes, with two of one name, or in a worker process;
    /// [`Unavailable`](ErrorKind::Unavailable) outside of a tokio runtime, or when the program's own
    /// path is not known.
    pub fn start(self) -> Result<Arc<ProcessPool>> {
        if std::env::var(WORKER_VARIABLE).is_ok_and(|parent| parent == parent_id().to_string()) {
            let text = "a worker process starts no pool of its own: call `run_if_worker` first in \
                        `main`, before the pool is started";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let program = std::env::current_exe().map_err(|error| {
            let text = "the path of this program is not known, so no worker can be started";
            Error::new(ErrorKind::Unavailable, text).with_source(error)
        })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let launch = Launch { program, args: self.args };
        let workers = Arc::new(Workers::new(launch, self.grace, cores.max(2) * 2));
        let host = PoolHost { workers: Arc::clone(&workers), time_limit: self.time_limit };
        let inner = self.nodes.start(Arc::new(host))?;
        Ok(Arc::new(ProcessPool::new(inner, workers)))
    }
}
