//! `cargo xtask bench`: builds the benchmark program optimised and runs it.

use crate::flags::Bench;
use crate::repo;

/// Runs the groups that were asked for.
pub(crate) fn run(flags: &Bench) -> anyhow::Result<()> {
    let mut cargo = repo::cargo();
    cargo.args(["run", "--quiet", "--release", "-p", "chia-bench", "--"]);
    repo::check(cargo.args(&flags.rest))
}
