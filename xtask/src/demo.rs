//! `cargo xtask demo`: the two examples, run for people to watch or for programs to read.

use std::path::PathBuf;
use std::process::Command;

use crate::flags::{Backend, Demo};
use crate::repo;
use crate::shell::Shell;
use crate::{interpreters, venv};

/// The runs: the first example cold and then warm, the second once.
const RUNS: [(&str, &[&str]); 3] =
    [("bypass_cache", &["--flush"]), ("bypass_cache", &[]), ("design_space", &["--flush"])];

/// Builds the examples once and runs them; progress and summaries (or JSON) are theirs.
pub(crate) fn run(flags: &Demo) -> anyhow::Result<()> {
    let shell = Shell::inherit();
    let (package, backend) = match flags.backend {
        Backend::Local => ("chia-loop", "local"),
        Backend::Ray => ("chia-ray", "ray"),
    };
    let python = match flags.backend {
        Backend::Local => None,
        Backend::Ray => Some(venv::with_ray(&shell, venv::RAY, &interpreters::preferred()?)?),
    };
    let cache = flags.cache_dir.clone().unwrap_or_else(|| repo::target().join("demo"));
    for (example, _) in RUNS {
        shell.run(repo::cargo().args(["build", "--quiet", "-p", package, "--example", example]))?;
    }
    for (example, extra) in RUNS {
        shell.say("")?;
        let mut command = Command::new(program(example));
        // One cache for all: a cluster has one.
        command.args(["--backend", backend]).arg("--cache-dir").arg(&cache);
        command.args(extra).args(flags.json.then_some("--json")).current_dir(repo::top());
        command.envs(python.iter().map(|python| ("CHIA_RAY_PYTHON", python)));
        shell.run(&mut command)?;
    }
    Ok(())
}

fn program(example: &str) -> PathBuf {
    repo::target().join("debug/examples").join(example)
}
