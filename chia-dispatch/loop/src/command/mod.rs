//! External programs that end with the body that runs them.

mod group;

use std::ffi::OsStr;
use std::future::Future;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use chia_dispatch::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt};

use self::group::Group;
use crate::Chia;

/// How often a running program is checked against the cancellation of its body.
const POLL: Duration = Duration::from_millis(20);

/// An external program, run so that nothing of it outlives the body that started it.
///
/// The program and all processes that it starts form a process group. The group is killed
///
/// * when the program ends, if it left something behind;
/// * when the body is cancelled, or drops the future;
/// * after the [time limit](Self::time_limit);
/// * when this program ends, `SIGKILL` included.
///
/// Only a process that leaves the group by itself (`setsid`, a daemon) escapes.
///
/// ```
/// use chia_loop::{Command, Error};
///
/// async fn synthesise(design: String) -> Result<String, Error> {
///     let output = Command::new("echo").arg(design).output().await?;
///     Ok(String::from_utf8_lossy(&output.stdout).into_owned())
/// }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # assert_eq!(runtime.block_on(synthesise("adder".into())).unwrap(), "adder\n");
/// ```
///
/// A synchronous body waits with [`block_on`](crate::block_on):
/// `block_on(Command::new("make").status())?`. A cancellation reaches it as well.
#[derive(Debug)]
pub struct Command {
    command: tokio::process::Command,
    time_limit: Option<Duration>,
}

impl Command {
    /// A program by its path, or by its name in `PATH`. It reads nothing from standard input.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = tokio::process::Command::new(program);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Self { command, time_limit: None }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the program's environment; the others are this program's.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder that the program runs in.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// How long the program may run before it is killed.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Runs the program to its end and collects what it writes. That it ends with a failure is in
    /// the output's status, and no error.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when it cannot be started, [`TaskFailed`](ErrorKind::TaskFailed) after
    /// the time limit, [`Cancelled`](ErrorKind::Cancelled) when the body was cancelled.
    pub async fn output(mut self) -> Result<Output> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.run().await
    }

    /// Runs the program to its end. It writes where this program does.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    pub async fn status(self) -> Result<ExitStatus> {
        self.run().await.map(|output| output.status)
    }

    async fn run(mut self) -> Result<Output> {
        let name = self.command.as_std().get_program().to_string_lossy().into_owned();
        let failed =
            |error| Error::new(ErrorKind::Io, format!("`{name}` cannot be run")).with_source(error);
        let group = Group::start().map_err(failed)?;
        self.command.process_group(group.id());
        let mut child = self.command.spawn().map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            let status = child.wait().await;
            // What it left behind may hold the pipes open.
            group.kill();
            status
        };
        let all = async { tokio::try_join!(ended, read(stdout), read(stderr)) };
        tokio::select! {
            biased;
            done = all => {
                let (status, stdout, stderr) = done.map_err(failed)?;
                Ok(Output { status, stdout, stderr })
            }
            () = cancelled() => {
                let text = format!("the task was cancelled, and `{name}` was killed");
                Err(Error::new(ErrorKind::Cancelled, text))
            }
            limit = elapsed(self.time_limit) => {
                let text = format!("`{name}` ran longer than {limit:?}, and was killed");
                Err(Error::new(ErrorKind::TaskFailed, text))
            }
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        from.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Returns when the task that runs here was cancelled. Outside of a task it never does.
fn cancelled() -> impl Future<Output = ()> {
    let chia = Chia::current();
    async move {
        match chia {
            Some(chia) => {
                while !chia.is_cancelled() {
                    tokio::time::sleep(POLL).await;
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// Returns when the time is over. Without a limit it never does.
async fn elapsed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}
