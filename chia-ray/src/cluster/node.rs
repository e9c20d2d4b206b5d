//! One node: a raylet of its own, and on the head what leads the cluster.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chia_dispatch::{CPU, GPU, MEMORY, Resources, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::processes::{self, Process};
use super::{HOST, NodeSpec, unavailable};

/// Ray takes 5 to 10 seconds on a quiet machine.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(15);
const STARTED: &str = "Ray runtime started";
/// Room for objects on each node, in bytes.
const OBJECTS: &str = "500000000";

/// Where a node goes.
pub(super) struct Site<'a> {
    pub(super) python: &'a Path,
    /// The cluster's folder.
    pub(super) folder: &'a Path,
    pub(super) port: u16,
    /// Which node it is; the first one is the head.
    pub(super) number: usize,
}

/// The process of `ray start --block`, which leads the group of the node's daemons.
#[derive(Debug)]
pub(super) struct Node(Child);

impl Node {
    /// Starts it and waits until it is up.
    pub(super) fn start(site: &Site<'_>, spec: &NodeSpec) -> Result<Self> {
        let log = site.folder.join(format!("node-{}.log", site.number));
        let mut node = Self(site.spawn(spec, &log).map_err(|error| {
            let text = format!("cannot start Ray with {}", site.python.display());
            unavailable(&text).with_source(error)
        })?);
        match node.wait_until_up(&log) {
            Ok(()) => Ok(node),
            Err(last) => {
                node.stop();
                let number = site.number;
                Err(unavailable(&format!("node {number} of the cluster does not start: {last}")))
            }
        }
    }

    /// Waits, and returns what it said last if it does not come up.
    fn wait_until_up(&mut self, log: &Path) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(log).unwrap_or_default();
            if said.contains(STARTED) {
                return Ok(());
            }
            if !matches!(self.0.try_wait(), Ok(None)) || start.elapsed() > START {
                let last: Vec<_> = said.lines().rev().take(5).collect();
                return Err(last.into_iter().rev().collect::<Vec<_>>().join("; "));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the node with everything on it, as if the machine was shut down.
    ///
    /// The agents of a raylet lead groups of their own, and outlive it until they notice. So all that is
    /// below the node is noted before the first signal, while each process still has its parent.
    pub(super) fn stop(mut self) {
        let below = processes::below(self.0.id());
        self.signal(Signal::TERM);
        let start = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && start.elapsed() < STOP {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal(Signal::KILL);
        self.0.wait().ok();
        below.iter().for_each(Process::kill);
    }

    /// Waits until it ends.
    pub(super) fn wait(&mut self) {
        self.0.wait().ok();
    }

    /// To all daemons at once: the leading process would wait for what runs.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, signal).ok();
        }
    }
}

impl Site<'_> {
    fn spawn(&self, node: &NodeSpec, log: &Path) -> std::io::Result<Child> {
        let mut words = node.within.clone();
        words.push(self.python.to_string_lossy().into_owned());
        words.extend(self.ray_start(&node.resources));
        let output = File::create(log)?;
        Command::new(&words[0])
            .args(&words[1..])
            .env("RAY_USAGE_STATS_ENABLED", "0")
            // Else a token that somebody made for another cluster would shut our drivers out.
            .env("RAY_AUTH_MODE", "disabled")
            .env("CHIA_RAY_CACHE", self.folder.join(format!("cache-{}", self.number)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
    }

    fn ray_start(&self, resources: &Resources) -> Vec<String> {
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
        if self.number == 0 {
            words.extend(["--head".to_owned(), "--include-dashboard=false".to_owned()]);
            words.push(format!("--port={}", self.port));
            words.push(format!("--temp-dir={}", self.folder.display()));
        } else {
            words.push(format!("--address={HOST}:{}", self.port));
        }
        words
    }
}
