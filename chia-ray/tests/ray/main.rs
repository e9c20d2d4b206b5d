//! Everything that needs a real Ray. This program is the driver of the tests and, started by Ray's
//! workers, the worker as well; so it has a `main` of its own.
//!
//! It needs a Python with Ray and the package `chia-ray`, named by `CHIA_RAY_PYTHON`. Without one it
//! says so and passes, unless `CHIA_REQUIRE_RAY=1`: then it fails.
#![allow(clippy::unwrap_used, reason = "a test")]

mod chaos;
mod detached;
mod errors;
mod fixture;
mod foreign;
mod forked;
mod functions;
mod kit;
mod languages;
mod loops;
mod owner;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    chia_wire::run_if_worker(fixture::host);
    loops::run_if_driver();
    forked::run_if_driver();
    loops::run_if_speaker();
    let mut arguments = Arguments::from_args();
    // Clusters are heavy; one test at a time is faster than several.
    arguments.test_threads = arguments.test_threads.or(Some(1));
    if let Err(why) = fixture::python() {
        return skip(&why);
    }
    let suites = [
        errors::trials(),
        kit::trials(),
        loops::trials(),
        owner::trials(),
        languages::trials(),
        foreign::trials(),
        detached::trials(),
        chaos::trials(),
        forked::trials(),
    ];
    let trials: Vec<Trial> = suites.into_iter().flatten().collect();
    assert!(!trials.is_empty(), "there is nothing to run");
    let conclusion = libtest_mimic::run(&arguments, trials);
    fixture::stop_clusters();
    conclusion.exit_code()
}

#[allow(clippy::print_stdout, reason = "that it skips is its result")]
fn skip(why: &str) -> ExitCode {
    if std::env::var_os("CHIA_REQUIRE_RAY").is_some_and(|value| value == "1") {
        eprintln!("error: the tests on Ray cannot run: {why}");
        return ExitCode::FAILURE;
    }
    println!("skipped: the tests on Ray cannot run: {why}");
    ExitCode::SUCCESS
}
