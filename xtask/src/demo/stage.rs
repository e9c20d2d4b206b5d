//! What the scenes play on: the built examples, a cache, and the cluster if there is one.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context, ensure};

use super::cluster;
use super::report::Report;
use crate::flags::{Backend, Demo};
use crate::shell::Shell;
use crate::{interpreters, processes, repo, scratch, venv};

/// Numbers that a call of the first example looks through: enough to see the progress.
const SPAN: &str = "60000";

/// Everything that a scene needs.
pub(super) struct Stage {
    json: bool,
    backend: &'static str,
    cache: PathBuf,
    /// The Python and the cluster of Ray.
    env: Vec<(&'static str, PathBuf)>,
}

impl Stage {
    /// Builds the examples, with cargo's own progress, and starts the cluster if one is needed.
    pub(super) fn set(flags: &Demo) -> anyhow::Result<Self> {
        let backend = match flags.backend {
            Backend::Local => "local",
            Backend::Ray => "ray",
        };
        let folder = scratch::make()?;
        let cache = flags.cache_dir.clone().unwrap_or_else(|| folder.join("cache"));
        let mut stage = Self { json: flags.json, backend, cache, env: Vec::new() };
        stage.say("Building the examples; only the first time takes long.");
        let python = match flags.backend {
            Backend::Local => None,
            Backend::Ray => {
                Some(venv::with_ray(&Shell::inherit(), venv::RAY, &interpreters::preferred()?)?)
            }
        };
        build(flags.backend)?;
        if let Some(python) = python {
            if std::env::var_os("RAY_ADDRESS").is_none() {
                stage.say("\nStarting a Ray cluster of one node; it ends with the demo.");
                stage.env.push(("RAY_ADDRESS", cluster::start(&python)?));
            }
            stage.env.push(("CHIA_RAY_PYTHON", python));
        }
        Ok(stage)
    }

    /// A sentence for people.
    pub(super) fn say(&self, sentence: &str) {
        if !self.json {
            println!("{sentence}");
        }
    }

    /// An object for programs.
    pub(super) fn print(&self, object: &str) {
        if self.json {
            println!("{object}");
        }
    }

    /// Runs an example to its end.
    pub(super) fn run(&self, example: &str, extra: &[&str]) -> anyhow::Result<Report> {
        let mut child = spawn(self.example(example, extra).stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        let text = std::io::read_to_string(stdout)?;
        ensure!(finish(&mut child)?, "the example {example} failed");
        self.print(text.trim_end());
        serde_json::from_str(&text).context("the example prints one object")
    }

    /// Runs an example until it reports `steps` steps, then kills it; nothing can be caught or cleaned up.
    pub(super) fn run_and_kill(
        &self,
        example: &str,
        extra: &[&str],
        steps: u64,
    ) -> anyhow::Result<()> {
        let mut command = self.example(example, extra);
        let mut child = spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = child.stderr.take().context("stderr is a pipe")?;
        let reported = show_steps(stderr, steps);
        child.kill()?;
        finish(&mut child)?;
        ensure!(reported == steps, "the example {example} ended by itself");
        Ok(())
    }

    fn example(&self, example: &str, extra: &[&str]) -> Command {
        let program = match self.backend {
            "ray" => format!("ray_{example}"),
            _ => example.to_owned(),
        };
        let mut command = self::command(&repo::target().join("debug/examples").join(program));
        // One cache for all: a cluster has one.
        command.args(["--json", "--backend", self.backend, "--span", SPAN, "--cache-dir"]);
        command.arg(&self.cache).args(extra).current_dir(repo::top());
        command.env("TMPDIR", scratch::path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Builds the examples, unless that was done.
fn build(backend: Backend) -> anyhow::Result<()> {
    if std::env::var_os(repo::EXAMPLES_BUILT).is_some() {
        return Ok(());
    }
    let package = match backend {
        Backend::Local => "chia-loop",
        Backend::Ray => "chia-ray",
    };
    let mut cargo = repo::cargo();
    cargo.args(["build", "-p", package, "--examples"]).stdin(Stdio::null()).stdout(Stdio::null());
    ensure!(finish(&mut spawn(&mut cargo)?)?, "the examples do not build");
    Ok(())
}

/// A program that reads nothing from the terminal.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Starts a command out of reach of the terminal's Ctrl-C, which is ours to handle.
pub(super) fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    let _starting = processes::starting();
    let name = command.get_program().to_string_lossy().into_owned();
    command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))
}

/// Whether it ended well. Interrupted, this never returns.
pub(super) fn finish(child: &mut Child) -> anyhow::Result<bool> {
    let status = child.wait()?;
    drop(processes::starting());
    Ok(status.success())
}

/// Shows what a loop reports, up to so many steps; the number of those it reported.
fn show_steps(stderr: ChildStderr, steps: u64) -> u64 {
    let mut reported = 0;
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        eprintln!("  {line}");
        // Warnings and the like do not count.
        reported += u64::from(line.starts_with("iter"));
        if reported == steps {
            break;
        }
    }
    reported
}
