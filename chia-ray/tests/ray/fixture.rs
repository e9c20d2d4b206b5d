//! The Python, the clusters and the host of all tests.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use chia_dispatch::conformance::{self, Layout};
use chia_dispatch::{Host, Result};
use chia_ray::cluster::{Cluster, NodeSpec};
use chia_ray::{RayBackend, RayOptions};

/// What the worker processes of all tests run.
pub(crate) fn host() -> Arc<dyn Host> {
    conformance::host()
}

/// The Python that has Ray and our package, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    let python = std::env::var_os("CHIA_RAY_PYTHON").unwrap_or_else(|| "python3".into());
    let python = PathBuf::from(python);
    let shown = python.display().to_string();
    let imported = Command::new(&python).args(["-c", "import ray, chia._bridge"]).output();
    match imported {
        Ok(output) if output.status.success() => Ok(python),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = said.lines().last().unwrap_or("no reason given");
            Err(format!("{shown} has not got what is needed: {last} (set CHIA_RAY_PYTHON)"))
        }
        Err(error) => Err(format!("{shown} cannot be started: {error} (set CHIA_RAY_PYTHON)")),
    }
}

/// Clusters that many tests share, by their layout.
static CLUSTERS: LazyLock<Mutex<HashMap<Layout, Cluster>>> = LazyLock::new(Mutex::default);

/// The address of the shared cluster of a layout, which is started when it is first asked for.
pub(crate) fn shared_cluster(layout: Layout) -> Result<String> {
    let mut clusters = CLUSTERS.lock().unwrap();
    if let Some(cluster) = clusters.get(&layout) {
        return Ok(cluster.address());
    }
    let nodes: Vec<NodeSpec> = layout.nodes().into_iter().map(NodeSpec::from).collect();
    let cluster = Cluster::start(&python().unwrap(), &nodes)?;
    let address = cluster.address();
    clusters.insert(layout, cluster);
    Ok(address)
}

/// Ends the shared clusters.
pub(crate) fn stop_clusters() {
    CLUSTERS.lock().unwrap().clear();
}

/// A connection in a namespace of its own.
pub(crate) async fn connect(address: &str) -> Result<RayBackend> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let namespace = format!("test-{}-{count}", std::process::id());
    RayBackend::connect(RayOptions::cluster(address).namespace(namespace)).await
}
