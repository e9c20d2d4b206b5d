//! `cargo xtask bench`: builds the benchmark program optimised and runs it.

use crate::flags::Bench;
use crate::repo;
use crate::shell::Shell;
use crate::{interpreters, venv};

/// The groups that measure against a real Ray.
const ON_RAY: [&str; 2] = ["ray", "python"];

/// Runs the groups that were asked for, all of them without any.
pub(crate) fn run(flags: &Bench) -> anyhow::Result<()> {
    let shell = Shell::inherit();
    let mut cargo = repo::cargo();
    cargo.args(["run", "--quiet", "--release", "-p", "chia-bench", "--"]).args(&flags.rest);
    if needs_ray(&flags.rest) {
        let python = interpreters::preferred()?;
        cargo.env("CHIA_RAY_PYTHON", venv::optimised(&shell, venv::RAY, &python)?);
    }
    shell.run(&mut cargo)
}

fn needs_ray(rest: &[String]) -> bool {
    let mut groups = rest.iter().filter(|word| !word.starts_with('-')).peekable();
    let all =
        groups.peek().is_none() && !rest.iter().any(|word| word == "--help" || word == "--list");
    venv::package().is_some() && (all || groups.any(|group| ON_RAY.contains(&group.as_str())))
}
