//! `cargo xtask bench`: builds the benchmark program optimised and runs it.

use crate::flags::Bench;
use crate::repo;
use crate::shell::Shell;

/// Runs the groups that were asked for.
pub(crate) fn run(flags: &Bench) -> anyhow::Result<()> {
    let mut cargo = repo::cargo();
    cargo.args(["run", "--quiet", "--release", "-p", "chia-bench", "--"]);
    Shell::inherit().run(cargo.args(&flags.rest))
}
