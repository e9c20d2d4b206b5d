//! `cargo xtask ray up|down|status`: a cluster to play with, in the background.

use std::fs::{self, File};
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
const PATIENCE: Duration = Duration::from_secs(120);

/// Does what was asked.
pub(crate) fn run(flags: &Ray) -> anyhow::Result<()> {
    match flags {
        Ray::Up => up(),
        Ray::Down => down(),
        Ray::Status => {
            println!("{}", status()?.map_or("no cluster runs".to_owned(), |address| address));
            Ok(())
        }
    }
}

fn up() -> anyhow::Result<()> {
    if let Some(address) = status()? {
        println!("{address}");
        return Ok(());
    }
    let shell = Shell::inherit();
    let python = venv::with_ray(&shell, venv::RAY, &interpreters::preferred()?)?;
    shell.run(repo::cargo().args([
        "build",
        "--quiet",
        "-p",
        "chia-ray",
        "--example",
        "cluster",
    ]))?;
    fs::create_dir_all(folder())?;
    let log = File::create(log())?;
    let process = Command::new(repo::target().join("debug/examples/cluster"))
        .env("CHIA_RAY_PYTHON", &python)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    fs::write(pid_file(), process.id().to_string())?;
    let start = Instant::now();
    while address()?.is_none() {
        if running()?.is_none() || start.elapsed() > PATIENCE {
            bail!("the cluster does not start; see {}", log_name());
        }
        thread::sleep(Duration::from_millis(100));
    }
    println!("{}", address()?.unwrap_or_default());
    println!("CHIA_RAY_PYTHON={}", python.display());
    Ok(())
}

fn down() -> anyhow::Result<()> {
    let Some(pid) = running()? else {
        println!("no cluster runs");
        return Ok(());
    };
    kill_process(pid, Signal::TERM)?;
    let start = Instant::now();
    while running()?.is_some() {
        if start.elapsed() > PATIENCE {
            bail!("the cluster does not stop; see {}", log_name());
        }
        thread::sleep(Duration::from_millis(100));
    }
    fs::remove_file(pid_file())?;
    Ok(())
}

/// The address of the running cluster.
fn status() -> anyhow::Result<Option<String>> {
    match running()? {
        Some(_) => address(),
        None => Ok(None),
    }
}

/// What the cluster has written once it was up.
fn address() -> anyhow::Result<Option<String>> {
    let text = fs::read_to_string(log()).unwrap_or_default();
    Ok(text.lines().find(|line| line.starts_with("RAY_ADDRESS=")).map(str::to_owned))
}

/// The process that holds the cluster, if it lives.
fn running() -> anyhow::Result<Option<Pid>> {
    let Ok(text) = fs::read_to_string(pid_file()) else { return Ok(None) };
    let pid = Pid::from_raw(text.trim().parse().context("target/ray/pid holds no number")?);
    // A zombie is ours from `up`, and has ended.
    let is_ours = |pid: &Pid| {
        let name = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        String::from_utf8_lossy(&name).contains("examples/cluster")
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
