//! What a call costs on the in-process backend, above a bare `tokio::spawn` of the same closure.

mod backend;
mod fingerprint;
mod handle;
mod memory;

use std::time::Instant;

use tokio::runtime::Runtime;

use crate::Report;
use crate::timing::Side;

/// How many calls are in flight at a time.
const IN_FLIGHT: [usize; 3] = [1, 100, 100_000];

/// Adds the group's figures.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    // As programs have it: spans and events down to `info` are written, here to nowhere.
    let sink = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO);
    // Fails only if another group has set one.
    let _ = sink.with_writer(std::io::sink).try_init();
    let runtime = Runtime::new()?;
    memory::in_child(&runtime)?;
    handle::run(report, &runtime)?;
    fingerprint::run(report, &runtime)?;
    backend::run(report, &runtime)?;
    memory::run(report)
}

/// A side that runs whole batches inside of the runtime, and counts the time of a call.
fn batches<'a, F>(runtime: &'a Runtime, calls: usize, batch: impl Fn(u64) -> F + 'a) -> Side<'a>
where
    F: Future<Output = ()> + Send + 'static,
{
    Box::new(move |times| {
        let rounds = times.div_ceil(calls as u64);
        let start = Instant::now();
        // Inside a task, as the parts of a loop are: `block_on` itself is no worker's thread.
        runtime.block_on(runtime.spawn(batch(rounds))).expect("a batch does not panic");
        start.elapsed().mul_f64(times as f64 / (rounds * calls as u64) as f64)
    })
}
