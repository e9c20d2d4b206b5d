//! Nodes, their capacities, and the start.

use std::collections::HashSet;
use std::sync::Arc;

use chia_dispatch::backend::Node;
use chia_dispatch::{CPU, Error, ErrorKind, Host, MEMORY, Resources, Result};

use super::LocalBackend;
use crate::engine::Engine;

/// Collects the nodes of a [`LocalBackend`].
#[derive(Clone, Debug, Default)]
pub struct LocalBackendBuilder {
    nodes: Vec<Node>,
}

impl LocalBackendBuilder {
    /// Adds a node. The first one is the driver's, and the head. The name is its id as well.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>, capacity: Resources) -> Self {
        let name = name.into();
        self.nodes.push(Node { id: name.clone(), name, capacity, alive: true });
        self
    }

    /// Starts the backend on the tokio runtime of the caller, of whichever flavour.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without nodes or with two of one name,
    /// [`Unavailable`](ErrorKind::Unavailable) outside of a tokio runtime.
    pub fn start(self, host: Arc<dyn Host>) -> Result<Arc<LocalBackend>> {
        let config = |message: String| Error::new(ErrorKind::Config, message);
        if self.nodes.is_empty() {
            return Err(config(
                "a local backend needs one node at least: add it with `node`".into(),
            ));
        }
        let mut names = HashSet::new();
        if let Some(twice) = self.nodes.iter().find(|node| !names.insert(node.id.as_str())) {
            return Err(config(format!("two nodes are called `{}`", twice.id)));
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|cause| {
            let message = "a local backend runs on the tokio runtime it is started in, \
                           and there is none here: call `start` inside of one";
            Error::new(ErrorKind::Unavailable, message).with_source(cause)
        })?;
        let engine = Engine::new(host, runtime, self.nodes, LocalBackend::task);
        Ok(Arc::new(LocalBackend::driver(engine)))
    }
}

/// What this machine has: its cores, as far as this process may use them, and its memory.
pub(super) fn machine() -> Resources {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    #[expect(clippy::cast_precision_loss, reason = "core counts and bytes are far below 2^53")]
    let (cores, memory) = (cores as f64, physical_memory().map(|bytes| bytes as f64));
    let capacity = Resources::none().with(CPU, cores);
    match memory {
        Some(bytes) => capacity.with(MEMORY, bytes),
        None => capacity,
    }
}

/// The physical memory in bytes, where the system reports it in `/proc/meminfo` (Linux, proc(5)).
fn physical_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = machine();
        assert!(machine.get(CPU) >= 1.0);
        if cfg!(target_os = "linux") {
            assert!(machine.get(MEMORY) > 64.0 * 1024.0 * 1024.0, "{machine}");
        }
    }
}
