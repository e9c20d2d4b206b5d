//! One worker process.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use chia_dispatch::{Error, ErrorKind, MEMORY, Resources, Result};
use chia_wire::{Hello, WORKER_VARIABLE, Worker};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use super::identity::{NAME, capabilities};
use super::memory;

/// How long a process may take to greet. A loaded machine is slow; a program that never calls
/// [`run_if_worker`](chia_wire::run_if_worker) never greets.
const GREETING: Duration = Duration::from_secs(30);

/// How a worker is started.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
}

/// A running worker. It leads a process group, which is killed when this is dropped.
pub(super) struct Process {
    pub(super) worker: Worker,
    child: Child,
    pid: Pid,
}

impl Launch {
    /// Starts a process and waits for its greeting.
    pub(super) async fn start(&self) -> Result<Process> {
        let (ours, theirs) = UnixStream::pair().map_err(unavailable)?;
        let child = {
            // Dropped before the greeting: the process's end of the socket must be its alone, or
            // its death would go unnoticed.
            let mut command = Command::new(&self.program);
            command.args(&self.args).env(WORKER_VARIABLE, std::process::id().to_string());
            command.stdin(Stdio::from(OwnedFd::from(theirs))).kill_on_drop(true);
            command.spawn().map_err(unavailable)?
        };
        let hello = Hello::new(NAME, capabilities());
        let greeted = move || Worker::start(ours, &hello, GREETING);
        let worker = tokio::task::spawn_blocking(greeted).await.map_err(unavailable)??;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| unavailable("it ended at once"))?;
        Ok(Process { worker, child, pid })
    }
}

impl Process {
    /// Makes the memory that a task demands its limit.
    pub(super) fn limit(&self, demand: &Resources) -> Result<()> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "amounts are not negative, and casts of floats saturate"
        )]
        let more = Some(demand.get(MEMORY) as u64).filter(|more| *more > 0);
        memory::limit(self.pid, more)
    }

    /// The error of whatever ran in a process that has died.
    pub(super) async fn post_mortem(&mut self, kind: ErrorKind, what: &str) -> Error {
        let how = self.child.wait().await.map_or_else(|error| error.to_string(), |s| s.to_string());
        Error::new(kind, format!("the process of {what} died: {how}"))
    }

    /// Ends the process and returns when it is gone.
    pub(super) async fn end(&mut self) {
        self.kill();
        // Waiting for a child of one's own fails only when it has been waited for.
        self.child.wait().await.ok();
    }

    /// Whether nothing that it started is left in its process group.
    pub(super) async fn is_alone(&self) -> bool {
        let leader = self.pid;
        let alone = move || super::group::is_alone(leader);
        tokio::task::spawn_blocking(alone).await.unwrap_or(false)
    }

    /// Ends the process and all that it started, at once.
    fn kill(&self) {
        // It may have died before; then its group is all that may be left.
        rustix::process::kill_process_group(self.pid, Signal::KILL).ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Unavailable, "a worker process cannot be started").with_source(error)
}
