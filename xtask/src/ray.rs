//! `cargo xtask ray up|down|status`: a cluster to play with, in the background.
//!
//! `eval "$(cargo xtask ray up)"` makes it the one that `RayOptions::auto` and the demo take.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::flags::Ray;
use crate::shell::Shell;
use crate::{interpreters, repo, venv};

/// How long a cluster may take to start, and to stop.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How long a living cluster may take to take a connection.
const ANSWER: Duration = Duration::from_secs(5);

/// What the cluster's process says once it is up.
pub(crate) const ADDRESS: &str = "export RAY_ADDRESS=";

/// Does what was asked.
pub(crate) fn run(flags: &Ray) -> anyhow::Result<()> {
    match flags {
        Ray::Up => up(),
        Ray::Down => down(),
        Ray::Status => {
            println!("{}", status()?);
            Ok(())
        }
    }
}

fn up() -> anyhow::Result<()> {
    // One that is being started by somebody who gave up waiting is as good.
    if running()?.is_none() {
        start()?;
    }
    let start = Instant::now();
    while address().is_none() {
        if running()?.is_none() || start.elapsed() > TIMEOUT {
            bail!("the cluster does not start; see {}", log_name());
        }
        thread::sleep(Duration::from_millis(100));
    }
    println!("{}", status()?);
    Ok(())
}

fn start() -> anyhow::Result<()> {
    let shell = Shell::inherit();
    let python = venv::with_ray(&shell, venv::RAY, &interpreters::preferred()?)?;
    let build = ["build", "--quiet", "-p", "chia-ray", "--example", "cluster"];
    shell.run(repo::cargo().args(build))?;
    fs::create_dir_all(folder())?;
    let log = File::create(log())?;
    let process = Command::new(repo::target().join("debug/examples/cluster"))
        .env("CHIA_RAY_PYTHON", &python)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    Ok(fs::write(pid_file(), process.id().to_string())?)
}

fn down() -> anyhow::Result<()> {
    let Some(pid) = running()? else {
        println!("no cluster runs");
        return Ok(());
    };
    kill_process(pid, Signal::TERM)?;
    let start = Instant::now();
    while running()?.is_some() {
        if start.elapsed() > TIMEOUT {
            bail!("the cluster does not stop; see {}", log_name());
        }
        thread::sleep(Duration::from_millis(100));
    }
    fs::remove_file(pid_file())?;
    println!("the cluster is down");
    Ok(())
}

/// What a shell must know to use the cluster, or that there is none.
fn status() -> anyhow::Result<String> {
    if running()?.is_none() {
        return Ok("no cluster runs".to_owned());
    }
    let Some(address) = address() else { return Ok("the cluster is starting".to_owned()) };
    if TcpStream::connect_timeout(&address.parse()?, ANSWER).is_err() {
        bail!("the cluster at {address} is broken: `cargo xtask ray down` ends what is left of it");
    }
    Ok(said().lines().filter(|line| line.starts_with("export ")).collect::<Vec<_>>().join("\n"))
}

/// Where the cluster is, once it is up.
fn address() -> Option<String> {
    said().lines().find_map(|line| line.strip_prefix(ADDRESS)).map(str::to_owned)
}

fn said() -> String {
    fs::read_to_string(log()).unwrap_or_default()
}

/// The process that holds the cluster, if it lives.
fn running() -> anyhow::Result<Option<Pid>> {
    let Ok(text) = fs::read_to_string(pid_file()) else { return Ok(None) };
    let pid = Pid::from_raw(text.trim().parse().context("target/ray/pid holds no number")?);
    // A zombie is ours from `up`, and has ended; it has no program. The command line of a process
    // that has just begun may still be empty.
    let is_ours = |pid: &Pid| {
        let program = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero()));
        program.is_ok_and(|path| path.to_string_lossy().contains("examples/cluster"))
    };
    Ok(pid.filter(|pid| test_kill_process(*pid).is_ok() && is_ours(pid)))
}

fn folder() -> PathBuf {
    repo::target().join("ray")
}

fn pid_file() -> PathBuf {
    folder().join("pid")
}

fn log() -> PathBuf {
    folder().join("log")
}

fn log_name() -> String {
    log().display().to_string()
}
