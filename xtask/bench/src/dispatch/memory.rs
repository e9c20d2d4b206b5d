//! What a call in flight holds. Each case has a process of its own: what an earlier one has freed
//! would be used again, and not show.
#![allow(clippy::print_stdout, reason = "a child tells its figure on standard output")]

use std::process::Command;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::{backend, handle};
use crate::{Figure, Report, machine};

/// Set in a child process: the name of its case.
const CASE: &str = "CHIA_BENCH_MEMORY_CASE";
const CASES: [&str; 4] =
    ["loop handle, queued", "loop handle, running", "backend, queued", "backend, running"];
const CALLS: usize = 100_000;

/// Adds a figure for each case.
pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    for case in CASES {
        report.progress(&format!("memory, {case}"));
        let child = Command::new(std::env::current_exe()?).arg("dispatch").env(CASE, case).output();
        let output = String::from_utf8(child?.stdout)?;
        let bytes: f64 = output.lines().last().unwrap_or_default().parse()?;
        report.add(Figure::alone(format!("memory per call in flight: {case}"), "B", bytes));
    }
    Ok(())
}

/// In a child process: measures its case, tells it, and ends the process.
pub(super) fn in_child(runtime: &Runtime) -> anyhow::Result<()> {
    let Ok(case) = std::env::var(CASE) else { return Ok(()) };
    let cpus = if case.ends_with("running") { CALLS as f64 } else { 1.0 };
    let before = machine::resident_bytes();
    let _kept = runtime.block_on(async {
        if case.starts_with("loop") {
            handle::in_flight(CALLS, cpus).await
        } else {
            backend::in_flight(CALLS, cpus).await
        }
    })?;
    // Lets what was started come to rest.
    std::thread::sleep(Duration::from_millis(500));
    println!("{}", (machine::resident_bytes() - before) / CALLS as f64);
    std::process::exit(0)
}
