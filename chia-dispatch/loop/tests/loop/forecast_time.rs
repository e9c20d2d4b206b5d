//! A rehearsal foretells how long a run takes, and what it waits for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chia_cache::{NewEntry, Origin};
use chia_local::LocalBackend;
use chia_loop::{CacheOptions, Chia, Function, Registry, Resources, Summary, Worker};

/// Calls of the loop.
const CALLS: u64 = 1_000;
/// How much faster than the recorded run the loops of this test are.
const PACE: f64 = 0.01;

static BODIES: AtomicU64 = AtomicU64::new(0);

/// The compute time of a call in the recorded run: from 0.5 s to 2 s.
fn recorded_time(number: u64) -> Duration {
    Duration::from_millis(500 + number * 7_919 % 1_500)
}

async fn sleeps(number: u64) -> u64 {
    BODIES.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(recorded_time(number).mul_f64(PACE)).await;
    number
}

static BUILD: Function<(u64,), u64> =
    Function::new("build", &sleeps).cpu(0.0).resources(&[("builder", 1.0)]);
static SIMULATE: Function<(u64,), u64> =
    Function::new("simulate", &sleeps).cpu(0.0).resources(&[("simulator", 1.0)]);
static SYNTHESISE: Function<(u64,), u64> =
    Function::new("synthesise", &sleeps).cpu(0.0).resources(&[("license", 1.0)]);
static FUNCTIONS: [&Function<(u64,), u64>; 3] = [&BUILD, &SIMULATE, &SYNTHESISE];

/// A loop on a cluster with three scarce resources.
async fn start(rules: &str, dir: &Path) -> Chia {
    let registry = Registry::new().function(&BUILD).function(&SIMULATE).function(&SYNTHESISE);
    let worker = Worker::new(registry);
    let node =
        Resources::from([("cpu", 2.0), ("builder", 4.0), ("simulator", 3.0), ("license", 2.0)]);
    let backend =
        LocalBackend::builder().node("head", node).start(Arc::new(worker.clone())).unwrap();
    let config = chia_config::Config::parse(rules, "rules.yaml", dir).unwrap();
    let cache = CacheOptions::new("1 GB", dir.join("cache"));
    let builder = Chia::builder(worker).backend(backend).config(config).cache(cache);
    builder.start().await.unwrap()
}

/// The cache of a run that took a hundred times as long.
async fn record(chia: &Chia) {
    for number in 0..CALLS {
        let function = FUNCTIONS[(number % 3) as usize].name();
        let entry = NewEntry::new(Origin::Real).function(function);
        let entry = entry.compute_time(recorded_time(number));
        let value = chia_loop::encode(&number).unwrap();
        let cache = chia.cache().unwrap();
        cache.write_bytes(&format!("call{number}"), value, &entry).await.unwrap();
    }
}

async fn run(chia: &Chia) -> Summary {
    let mut handles = Vec::new();
    for number in 0..CALLS {
        let call = chia.call(FUNCTIONS[(number % 3) as usize], (number,));
        handles.push(call.tag(format!("call{number}")).dispatch().await.unwrap());
    }
    for (number, handle) in handles.iter().enumerate() {
        assert_eq!(handle.get().await.unwrap(), number as u64);
    }
    let summary = chia.summary();
    chia.shutdown().await.unwrap();
    summary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_takes_as_long_as_the_loop_that_it_stands_for() {
    let dir = tempfile::tempdir().unwrap();
    let rehearse = "{bypass: true, rehearse: {pace: 0.01}}";
    let rules = FUNCTIONS.map(|f| format!("  {}: {rehearse}\n", f.name())).concat();
    let chia = start(&format!("bypass:\n{rules}"), dir.path()).await;
    record(&chia).await;
    let rehearsed = run(&chia).await;
    assert_eq!(BODIES.load(Ordering::Relaxed), 0, "a body was executed");
    assert_eq!(rehearsed.total().replayed, CALLS);
    let real = run(&start("", dir.path()).await).await;
    assert_eq!(BODIES.load(Ordering::Relaxed), CALLS);

    let ratio = rehearsed.makespan.as_secs_f64() / real.makespan.as_secs_f64();
    println!(
        "rehearsed {:.2?}, real {:.2?}: {ratio:.3} (aim 0.9 to 1.1)",
        rehearsed.makespan, real.makespan
    );
    println!("waited: rehearsed {:.1?}, real {:.1?}", rehearsed.waited, real.waited);
    // The makespan is bounded by the scarcest resource: 333 calls of 1.25 s on 2 licenses.
    assert!(real.makespan >= Duration::from_millis(1_900), "{:?}", real.makespan);
    // Wide, since other tests share the processor.
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
    for summary in [&rehearsed, &real] {
        let wait = |name: &str| summary.waited[name];
        assert!(wait("license") > wait("simulator"), "{:?}", summary.waited);
        assert!(wait("simulator") > wait("builder"), "{:?}", summary.waited);
    }
    let text = rehearsed.to_string();
    assert!(text.contains("makespan ") && text.contains("license "), "{text}");
}
