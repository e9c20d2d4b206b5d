//! A call on a real Ray cluster, beside Python's own `@ray.remote` on the same cluster in the same run.

mod baseline;
mod calls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use chia_dispatch::Resources;
use chia_loop::cache::Durability;
use chia_ray::cluster::Cluster;

use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::{Side, interleaved_long, median};
use baseline::Python;
use calls::{Loop, Way};

/// Calls in flight at a time, where throughput is measured.
const FLIGHT: u64 = 1_000;
/// Bytes of a large result.
const LARGE: u64 = 100_000_000;

/// In a worker process of these benchmarks, runs its tasks and never returns.
pub fn run_if_worker() {
    chia_wire::run_if_worker(|| Arc::new(chia_loop::Worker::new(calls::registry())));
}

/// Measures and adds the figures.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let python = std::env::var_os("CHIA_RAY_PYTHON").context("CHIA_RAY_PYTHON is not set")?;
    let python = PathBuf::from(python);
    let node = Resources::from([("cpu", 2.0)]);
    let cluster = Cluster::start(&python, &[node.into()])?;
    let runtime = tokio::runtime::Runtime::new()?;
    let peer = Python::start(&python, &cluster.address())?;
    let folder = tempfile::tempdir()?;
    for durability in [Durability::Relaxed, Durability::Durable] {
        report.progress(&format!("a {durability} cache"));
        let ours = runtime.block_on(Loop::start(&cluster.address(), folder.path(), durability))?;
        round_trips(report, &runtime, &ours, &peer, durability);
        if durability == Durability::Relaxed {
            throughput(report, &runtime, &ours, &peer);
            large(report, &runtime, &ours)?;
        }
        runtime.block_on(ours.stop())?;
    }
    Ok(())
}

/// Round trips of every way of a call, in turns.
fn round_trips(
    report: &mut Report,
    runtime: &tokio::runtime::Runtime,
    ours: &Loop,
    peer: &Python,
    durability: Durability,
) {
    let ours_by = |way: Way| -> Side<'_> {
        Box::new(move |times| runtime.block_on(ours.round_trips(way, times)))
    };
    let mut sides = vec![
        peer.side("task"),
        peer.side("actor"),
        ours_by(Way::Untagged),
        ours_by(Way::Uncached),
        ours_by(Way::Cached),
        ours_by(Way::Provided),
        ours_by(Way::Replayed),
        ours_by(Way::Checked),
    ];
    let medians = interleaved_long(&mut sides);
    let [task, actor, untagged, uncached, cached, provided, replayed, checked] = medians[..] else {
        return;
    };
    let aimed = |name: &str, ours, reference, at_most| {
        Figure::versus(format!("round trip, {name}"), "ns", ours, reference)
            .aim(Aim::RatioAtMost(at_most))
    };
    if durability == Durability::Durable {
        let durable = [("cached, durable", cached), ("replay and condition, durable", replayed)];
        for (name, value) in durable {
            report.add(Figure::versus(
                format!("round trip, {name} / untagged"),
                "ns",
                value,
                untagged,
            ));
        }
        return;
    }
    report.add(Figure::alone("round trip, Python's actor call", "ns", actor));
    report.add(aimed("untagged / Python's task", untagged, task, 1.35));
    report.add(aimed("tagged, not cached / untagged", uncached, untagged, 1.05));
    report.add(aimed("cached / untagged", cached, untagged, 1.5));
    report.add(Figure::versus("round trip, provider / untagged", "ns", provided, untagged));
    report.add(aimed("replay and condition / untagged", replayed, untagged, 1.7));
    report.add(aimed("replay with a check / without", checked, replayed, 1.05));
}

/// Calls a second with many in flight.
fn throughput(report: &mut Report, runtime: &tokio::runtime::Runtime, ours: &Loop, peer: &Python) {
    let per_second = |took: Duration| FLIGHT as f64 / took.as_secs_f64();
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..5 {
        rates[0].push(per_second(peer.measure("flight", FLIGHT)));
        rates[1].push(per_second(runtime.block_on(ours.flight(Way::Untagged, FLIGHT))));
        rates[2].push(per_second(runtime.block_on(ours.flight(Way::Cached, FLIGHT))));
    }
    let [theirs, untagged, cached] = rates.map(median);
    let name = format!("{FLIGHT} in flight, untagged / Python's tasks");
    report.add(Figure::versus(name, "calls/s", untagged, theirs).aim(Aim::RatioAtLeast(0.8)));
    let name = format!("{FLIGHT} in flight, cached / untagged");
    report.add(Figure::versus(name, "calls/s", cached, untagged));
}

/// A large result, kept and not kept.
fn large(
    report: &mut Report,
    runtime: &tokio::runtime::Runtime,
    ours: &Loop,
) -> anyhow::Result<()> {
    let (mut kept, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        for (way, times) in [(Way::Untagged, &mut plain), (Way::Cached, &mut kept)] {
            let start = Instant::now();
            runtime.block_on(ours.large(way, LARGE))?;
            times.push(start.elapsed().as_nanos() as f64);
        }
    }
    let figure = Figure::versus("100 MB, cached / uncached", "ns", median(kept), median(plain));
    report.add(figure.aim(Aim::RatioAtMost(1.5)));
    Ok(())
}
