//! The peers in Python, run by `python/cache_peer.py` in an environment of their own under `target/`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::place;
use crate::timing::Side;

const DISKCACHE: &str = "diskcache==5.6.3";

/// A running Python that runs operations on request and reports how long they took.
pub(super) struct Python {
    child: Child,
    pipe: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Python {
    /// Starts it. Its stores are below `folder`.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/cache_peer.py");
        let mut child = Command::new(interpreter()?)
            .arg(script)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Python")?;
        let stdin = child.stdin.take().context("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Self { child, pipe: Mutex::new((stdin, stdout)) })
    }

    /// Has `peer` do `operation` `times` times; returns the duration.
    pub(super) fn run(
        &self,
        peer: &str,
        operation: &str,
        size: usize,
        times: u64,
    ) -> anyhow::Result<Duration> {
        let mut pipe = self.pipe.lock().expect("no holder panics");
        let (stdin, stdout) = &mut *pipe;
        writeln!(stdin, "{peer} {operation} {size} {times}")?;
        let mut answer = String::new();
        stdout.read_line(&mut answer)?;
        let nanos = answer
            .trim()
            .parse()
            .with_context(|| format!("{peer} {operation} {size} failed in Python"))?;
        Ok(Duration::from_nanos(nanos))
    }

    /// One operation of one peer, to be timed.
    pub(super) fn side<'a>(
        &'a self,
        peer: &'static str,
        operation: &'static str,
        size: usize,
    ) -> Side<'a> {
        Box::new(move |times| {
            self.run(peer, operation, size, times).expect("the Python peer works")
        })
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The child holds nothing worth a clean end; what it wrote is removed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has diskcache: a virtual environment, made on first use.
fn interpreter() -> anyhow::Result<PathBuf> {
    let home = place::target().join("bench-venv");
    let python = home.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    }
    if run(Command::new(&python).args(["-c", "import diskcache"])).is_err() {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", DISKCACHE]))?;
    }
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
