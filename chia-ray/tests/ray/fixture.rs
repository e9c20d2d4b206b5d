//! The Python, the clusters and the host of all tests.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chia_conformance::Layout;
use chia_dispatch::{Actor, Host, Job, TaskContext};
use chia_loop::{Result, Worker};
use chia_ray::cluster::{Cluster, NodeSpec};
use chia_ray::{RayBackend, RayOptions};
use libtest_mimic::{Failed, Trial};

use crate::detached::{COUNTER, Counter};
use crate::functions;

/// What the worker processes of all tests run: our functions, and the conformance kit's script.
pub(crate) fn host() -> Arc<dyn Host> {
    Arc::new(TestHost {
        kit: chia_conformance::host(),
        program: Worker::new(functions::registry()),
    })
}

struct TestHost {
    kit: Arc<dyn Host>,
    program: Worker,
}

#[async_trait]
impl Host for TestHost {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        match self.program.registry().function_names().any(|name| name == job.entry) {
            true => self.program.run(job, context).await,
            false => self.kit.run(job, context).await,
        }
    }

    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        match kind {
            COUNTER => Ok(Box::new(Counter::default())),
            own if own.starts_with("chia.") => {
                Host::actor(&self.program, kind, init, context).await
            }
            _ => self.kit.actor(kind, init, context).await,
        }
    }
}

/// The Python that has Ray and our package, or why there is none.
pub(crate) fn python() -> Result<PathBuf, String> {
    let python = std::env::var_os("CHIA_RAY_PYTHON").unwrap_or_else(|| "python3".into());
    let python = PathBuf::from(python);
    let shown = python.display().to_string();
    let imported = Command::new(&python).args(["-c", "import ray, chia_ray._bridge"]).output();
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

/// Where a cluster is.
#[derive(Clone)]
pub(crate) struct Whereabouts {
    pub(crate) address: String,
    pub(crate) folder: PathBuf,
}

impl From<&Cluster> for Whereabouts {
    fn from(cluster: &Cluster) -> Self {
        Self { address: cluster.address(), folder: cluster.folder().to_owned() }
    }
}

/// The shared cluster of a layout, which is started when it is first asked for.
pub(crate) async fn shared_cluster(layout: Layout) -> Result<Whereabouts> {
    let started = tokio::task::spawn_blocking(move || {
        let mut clusters = CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = clusters.get(&layout) {
            return Ok(cluster.into());
        }
        let nodes: Vec<NodeSpec> = layout.nodes().into_iter().map(NodeSpec::from).collect();
        let cluster = Cluster::start(&python().unwrap(), &nodes)?;
        let whereabouts = (&cluster).into();
        clusters.insert(layout, cluster);
        Ok(whereabouts)
    });
    started.await.expect("starting a cluster does not panic")
}

/// Ends the shared clusters: at the end, and when a failed test may have left something on them.
pub(crate) fn stop_clusters() {
    CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A connection in a namespace of its own.
pub(crate) async fn connect(address: &str) -> Result<RayBackend> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let namespace = format!("test-{}-{count}", std::process::id());
    RayBackend::connect(RayOptions::cluster(address).namespace(namespace)).await
}

/// A test with a runtime of its own and a limit.
pub(crate) fn trial<F>(name: &'static str, body: fn() -> F) -> Trial
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    const LIMIT: Duration = Duration::from_secs(180);
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        // A task of its own: the limit holds for bodies that block, too.
        let body = runtime.spawn(body());
        let outcome = runtime.block_on(async { tokio::time::timeout(LIMIT, body).await });
        runtime.shutdown_timeout(Duration::from_secs(1));
        let why = match outcome {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => format!("{error:?}"),
            Ok(Err(panic)) => panic.to_string(),
            Err(_) => format!("the test hung for {LIMIT:?}"),
        };
        stop_clusters();
        Err(Failed::from(why))
    })
}

/// Waits until a file has contents, and returns them.
pub(crate) async fn contents_of(path: &Path) -> String {
    let mut found = String::new();
    wait_until(Duration::from_secs(60), "a file to be written", || {
        found = std::fs::read_to_string(path).unwrap_or_default();
        found.ends_with('\n')
    })
    .await;
    found.trim_end().to_owned()
}

/// Waits until something holds, and panics if it does not in time.
pub(crate) async fn wait_until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process lives. One that nobody has waited for does not.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Sends a signal to a process that a test has started or caused.
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
