//! The loop: four iterations of four calls, kept on the first run, half of them replayed on the next.

use std::time::Instant;

use chia_loop::{ChiaBuilder, Result};

use crate::common::{Args, Progress, Report, run_name};

const RULES: &str = include_str!("rules.yaml");
const ITERATIONS: u64 = 4;
const CALLS: u64 = 4;

/// The costly step: how many primes are there in `span` numbers from `start`? Runs where there is a counter.
#[chia_loop::function(resources = [("counter", 1.0)])]
fn count_primes(start: u64, span: u64) -> u64 {
    let is_prime =
        |n: u64| n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (start..start + span).filter(|n| is_prime(*n)).count() as u64
}

/// The driver.
pub(crate) async fn drive(args: &Args, builder: ChiaBuilder) -> Result<Report<Vec<u64>>> {
    let since = Instant::now();
    let chia = args.start(builder, RULES).await?;
    chia.replay(&COUNT_PRIMES)?;
    let run = run_name(&chia).await?;
    let progress = Progress::new(ITERATIONS * CALLS);
    let mut results = Vec::new();
    for iteration in 0..ITERATIONS {
        let mut handles = Vec::new();
        for call in 0..CALLS {
            let tag = format!("iter{iteration}_call{call}");
            let start = args.first + (iteration * CALLS + call) * args.span;
            let call = chia.call(&COUNT_PRIMES, (start, args.span)).tag(&tag);
            handles.push((tag, call.dispatch().await?));
        }
        for (tag, handle) in handles {
            results.push(handle.get().await?);
            let how = handle.outcome().map_or("unknown", |outcome| outcome.source.as_str());
            progress.step(&format!("{tag} {how}"));
        }
    }
    progress.finish();
    let report = Report::new("bypass_cache", run, args, &chia, since, results);
    chia.shutdown().await?;
    Ok(report)
}
