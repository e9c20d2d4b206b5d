//! `cargo xtask`: the jobs of this repository. [`flags`] declares them all; each has a module.

mod bench;
mod flags;
mod repo;

use std::process::ExitCode;

use clap::Parser;
use flags::{Flags, Job};

fn main() -> ExitCode {
    let done = match Flags::parse().job {
        Job::Bench(flags) => bench::run(&flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
