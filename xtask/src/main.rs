//! `cargo xtask`: the jobs of this repository. [`flags`] declares them all; each has a module.

#![allow(clippy::print_stdout, reason = "it is a command line tool")]

mod bench;
mod demo;
mod drawing;
mod flags;
mod interpreters;
mod interrupt;
mod lock;
mod matrix;
mod processes;
mod ray;
mod repo;
mod scratch;
mod shell;
mod soak;
mod venv;

use std::process::ExitCode;

use clap::Parser;
use flags::{Flags, Job};

fn main() -> ExitCode {
    let done = match Flags::parse().job {
        Job::Test(flags) => matrix::test(&flags),
        Job::ReleaseCheck(flags) => matrix::release_check(&flags),
        Job::Demo(flags) => demo::run(&flags).map(|()| ExitCode::SUCCESS),
        Job::Venv(flags) => venv::run(&flags).map(|()| ExitCode::SUCCESS),
        Job::Ray(flags) => ray::run(&flags).map(|()| ExitCode::SUCCESS),
        Job::Drawing => drawing::run().map(|()| ExitCode::SUCCESS),
        Job::Soak(flags) => soak::run(&flags).map(|()| ExitCode::SUCCESS),
        Job::Bench(flags) => bench::run(&flags).map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
