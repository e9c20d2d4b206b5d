//! Clusters on this machine, for tests and for trying things out (feature `cluster`).
//!
//! Each node is a raylet of its own, so several nodes stand in for several machines. A cluster has
//! ports and a folder of its own: it meets no other one, and nothing of it stays.

mod guard;
mod node;
mod processes;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use chia_dispatch::{Error, ErrorKind, Resources, Result};
use tempfile::TempDir;

use guard::Guard;
use node::{Node, Site};

const HOST: &str = "127.0.0.1";

/// A node to be started.
#[derive(Clone, Debug, Default)]
pub struct NodeSpec {
    /// All that the node has. `cpu` and `gpu` that are not here are zero.
    pub resources: Resources,
    /// A command that starts the node's own command, which is appended to it: a namespace, say.
    pub within: Vec<String>,
}

impl From<Resources> for NodeSpec {
    fn from(resources: Resources) -> Self {
        Self { resources, within: Vec::new() }
    }
}

/// A running cluster. Dropping it ends every process of it and removes its folder; so does the death
/// of the process that holds it, a moment later.
#[derive(Debug)]
pub struct Cluster {
    python: PathBuf,
    folder: TempDir,
    port: u16,
    nodes: Vec<Option<Node>>,
    guard: Guard,
}

impl Cluster {
    /// Starts a cluster; the first node is its head. Blocks until all are up.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when a node does not come up; the message ends with
    /// what it said last.
    pub fn start(python: &Path, nodes: &[NodeSpec]) -> Result<Self> {
        let failed = |error| {
            unavailable("cannot make a folder or a port for the cluster").with_source(error)
        };
        // Not the machine's own temporary folder, which may be too long for a socket's name.
        let folder =
            tempfile::Builder::new().prefix("chia-ray-").tempdir_in("/tmp").map_err(failed)?;
        let port = free_port().map_err(failed)?;
        let guard = Guard::start(python, folder.path())?;
        let mut cluster =
            Self { python: python.to_owned(), folder, port, nodes: Vec::new(), guard };
        for node in nodes {
            cluster.add(node)?;
        }
        Ok(cluster)
    }

    /// Starts one more node and returns its number, counted from 0.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn add(&mut self, node: &NodeSpec) -> Result<usize> {
        let number = self.nodes.len();
        let (python, folder) = (self.python.as_path(), self.folder.path());
        let site = Site { python, folder, port: self.port, number };
        self.nodes.push(Some(Node::start(&site, node)?));
        Ok(number)
    }

    /// The `ip:port` to connect to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    /// The folder of the cluster's files: a log per node, and in `cache-0`, `cache-1`, … the
    /// programs that were shipped to each node.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends a node, with everything on it.
    pub fn stop(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(number).and_then(Option::take) {
            node.stop();
        }
    }

    /// The processes of the cluster whose command line contains `part`.
    #[must_use]
    pub fn processes(&self, part: &str) -> Vec<u32> {
        let own = self.folder.path().to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_meant = |pid: &u32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command);
            command.contains(&own) && command.contains(part)
        };
        pids.filter(is_meant).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.guard.end();
        for mut node in self.nodes.drain(..).flatten() {
            node.wait();
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((HOST, 0))?.local_addr()?.port())
}

fn unavailable(text: &str) -> Error {
    Error::new(ErrorKind::Unavailable, text)
}
