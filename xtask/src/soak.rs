//! `cargo xtask soak`: a simulation that goes on until it is stopped.

use crate::flags::Soak;
use crate::repo;
use crate::shell::Shell;

/// Runs the simulator of the store, optimised, and shows what it finds.
pub(crate) fn run(flags: &Soak) -> anyhow::Result<()> {
    let Soak::Store { from, seconds } = flags;
    let mut cargo = repo::cargo();
    cargo.args(["test", "--quiet", "--release", "-p", "chia-cache", "--lib", "simulator::soak"]);
    cargo.args(["--", "--ignored", "--nocapture", "--exact"]);
    let numbers = [("CHIA_SIM_FROM", from), ("CHIA_SIM_SECONDS", seconds)];
    for (name, number) in numbers {
        if let Some(number) = number {
            cargo.env(name, number.to_string());
        }
    }
    Shell::inherit().run(&mut cargo)
}
