//! Commands of the tool, and the writer beside them, as processes of their own.
//!
//! The benchmark program starts itself with a job in the environment, before it looks at its arguments.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::beside;

const JOB: &str = "CHIA_BENCH_LOOK_JOB";

/// Does the job that the environment asks for, if it does; says whether it did.
///
/// # Errors
/// When the job fails.
pub fn run() -> anyhow::Result<bool> {
    let Ok(job) = std::env::var(JOB) else { return Ok(false) };
    match job.as_str() {
        "tool" => {
            let code = chia_cli::run(std::env::args_os());
            // The tool is done with its standard error.
            writeln!(std::io::stderr(), "{}", peak_memory()?)?;
            std::process::exit(i32::from(code));
        }
        "write" => beside::write()?,
        _ => anyhow::bail!("an unknown job: {job}"),
    }
    Ok(true)
}

/// A process for a job, with the arguments of this one replaced.
pub(super) fn job(job: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(JOB, job).stdin(Stdio::null());
    Ok(command)
}

/// What a command of the tool did.
pub(super) struct Done {
    /// From the start of the process to its first byte of output.
    pub(super) first: Duration,
    /// From the start of the process to its end.
    pub(super) whole: Duration,
    pub(super) lines: usize,
    /// The most bytes of memory that it held.
    pub(super) memory: u64,
}

/// Runs `chia-cache --dir DIR ARGS…` and reads all that it prints.
pub(super) fn tool(dir: &Path, args: &[impl AsRef<OsStr>]) -> anyhow::Result<Done> {
    let mut command = job("tool")?;
    command.arg("--dir").arg(dir).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().context("no stdout")?;
    let (mut piece, mut first, mut lines) = (vec![0; 64 << 10], None, 0);
    loop {
        let read = stdout.read(&mut piece)?;
        first.get_or_insert_with(|| start.elapsed());
        if read == 0 {
            break;
        }
        lines += piece[..read].iter().filter(|byte| **byte == b'\n').count();
    }
    let output = child.wait_with_output()?;
    let whole = start.elapsed();
    let notes = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {notes}", output.status);
    let memory = notes.lines().last().and_then(|line| line.parse().ok());
    let memory = memory.with_context(|| format!("no memory at the end of: {notes}"))?;
    Ok(Done { first: first.unwrap_or(whole), whole, lines, memory })
}

/// The most bytes of memory that this process held so far.
fn peak_memory() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.context("no VmHWM in /proc")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
