//! Clusters on this machine, for tests and for trying things out (feature `cluster`).
//!
//! Each node is a raylet of its own, so several nodes stand in for several machines. A cluster has
//! ports and a folder of its own: it meets no other one, and nothing of it stays.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chia_dispatch::{CPU, Error, ErrorKind, GPU, MEMORY, Resources, Result};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Ray takes 5 to 10 seconds on a quiet machine.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(15);
const STARTED: &str = "Ray runtime started";
const HOST: &str = "127.0.0.1";
/// Room for objects on each node, in bytes.
const OBJECTS: &str = "500000000";

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

/// A running cluster. Dropping it ends every process of it and removes its folder.
#[derive(Debug)]
pub struct Cluster {
    python: PathBuf,
    folder: TempDir,
    port: u16,
    nodes: Vec<Option<Child>>,
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
        let mut cluster = Self { python: python.to_owned(), folder, port, nodes: Vec::new() };
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
        let log = self.folder.path().join(format!("node-{number}.log"));
        let process = self.spawn(node, number, &log).map_err(|error| {
            let text = format!("cannot start Ray with {}", self.python.display());
            unavailable(&text).with_source(error)
        })?;
        self.nodes.push(Some(process));
        self.wait_for(number, &log)?;
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
        if let Some(mut process) = self.nodes.get_mut(number).and_then(Option::take) {
            end(&mut process);
        }
    }

    /// The processes of the cluster whose command line contains `part`.
    #[must_use]
    pub fn processes(&self, part: &str) -> Vec<u32> {
        let own = self.folder.path().to_string_lossy().into_owned();
        processes(|command| command.contains(&own) && command.contains(part))
    }

    /// Waits until the process of the cluster ends, as the head's does when it is told to.
    pub fn wait(&mut self) {
        if let Some(Some(head)) = self.nodes.first_mut() {
            head.wait().ok();
        }
    }

    fn spawn(&self, node: &NodeSpec, number: usize, log: &Path) -> std::io::Result<Child> {
        let mut words = node.within.clone();
        words.push(self.python.to_string_lossy().into_owned());
        words.extend(self.ray_start(&node.resources, number == 0));
        let output = File::create(log)?;
        Command::new(&words[0])
            .args(&words[1..])
            .env("RAY_USAGE_STATS_ENABLED", "0")
            // Else a token that somebody made for another cluster would shut our drivers out.
            .env("RAY_AUTH_MODE", "disabled")
            .env("CHIA_RAY_CACHE", self.folder.path().join(format!("cache-{number}")))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
    }

    fn ray_start(&self, resources: &Resources, head: bool) -> Vec<String> {
        let custom: serde_json::Map<_, _> = resources
            .iter()
            .filter(|(name, _)| ![CPU, GPU, MEMORY].contains(name))
            .map(|(name, amount)| (name.to_owned(), amount.get().into()))
            .collect();
        let mut words = vec![
            "-m".to_owned(),
            "ray.scripts.scripts".to_owned(),
            "start".to_owned(),
            "--block".to_owned(),
            "--disable-usage-stats".to_owned(),
            format!("--node-ip-address={HOST}"),
            format!("--num-cpus={}", resources.get(CPU)),
            format!("--num-gpus={}", resources.get(GPU)),
            format!("--resources={}", serde_json::Value::Object(custom)),
            format!("--object-store-memory={OBJECTS}"),
            "--min-worker-port=0".to_owned(),
            "--max-worker-port=0".to_owned(),
            "--dashboard-agent-listen-port=0".to_owned(),
            "--dashboard-agent-grpc-port=0".to_owned(),
        ];
        if resources.get(MEMORY) > 0.0 {
            words.push(format!("--memory={}", resources.get(MEMORY)));
        }
        if head {
            let folder = self.folder.path().display();
            words.extend(["--head".to_owned(), "--include-dashboard=false".to_owned()]);
            words.push(format!("--port={}", self.port));
            words.push(format!("--temp-dir={folder}"));
        } else {
            words.push(format!("--address={}", self.address()));
        }
        words
    }

    fn wait_for(&mut self, number: usize, log: &Path) -> Result<()> {
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(log).unwrap_or_default();
            if said.contains(STARTED) {
                return Ok(());
            }
            let ended = match &mut self.nodes[number] {
                Some(process) => !matches!(process.try_wait(), Ok(None)),
                None => true,
            };
            if ended || start.elapsed() > START {
                let last: Vec<_> = said.lines().rev().take(5).collect();
                let last: Vec<_> = last.into_iter().rev().collect();
                let text =
                    format!("node {number} of the cluster does not start: {}", last.join("; "));
                return Err(unavailable(&text));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for mut process in self.nodes.drain(..).rev().flatten() {
            end(&mut process);
        }
        // What Ray itself has left behind, by the name of our folder.
        for pid in self.processes("") {
            signal(pid, Signal::KILL);
        }
    }
}

/// Ends `ray start --block`, which then ends what it started.
fn end(process: &mut Child) {
    signal(process.id(), Signal::TERM);
    let start = Instant::now();
    while matches!(process.try_wait(), Ok(None)) {
        if start.elapsed() > STOP {
            process.kill().ok();
            process.wait().ok();
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal).ok();
    }
}

/// All processes whose command line passes the test, but for us.
fn processes(wanted: impl Fn(&str) -> bool) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let command = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let own = std::process::id();
    pids.filter(|pid| *pid != own && wanted(&String::from_utf8_lossy(&command(pid)))).collect()
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((HOST, 0))?.local_addr()?.port())
}

fn unavailable(text: &str) -> Error {
    Error::new(ErrorKind::Unavailable, text)
}
