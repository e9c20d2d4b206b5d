//! Rehearsals: time passes, and nothing is computed.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chia_loop::rules::Mode;
use chia_loop::{CacheOptions, Chia, ErrorKind, Function, Registry, Source};

static BODIES: AtomicU32 = AtomicU32::new(0);

async fn simulate(cycles: u64) -> u64 {
    BODIES.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    cycles * 2
}

static SIMULATE: Function<(u64,), u64> = Function::new("simulate", &simulate);

fn clean(_folder: String) {}

static CLEAN: Function<(String,), ()> = Function::new("clean", &clean);

async fn start(rehearsal: &str, dir: &Path) -> Chia {
    let rules = format!("cache: {{simulate: true, clean: true}}\nbypass:\n{rehearsal}");
    let config = chia_config::Config::parse(&rules, "rules.yaml", dir).unwrap();
    Chia::builder(Registry::new().function(&SIMULATE).function(&CLEAN))
        .config(config)
        .cache(CacheOptions::new("1 MB", dir.join("cache")))
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsed_call_takes_its_share_of_the_recorded_time_and_runs_no_body() {
    let dir = tempfile::tempdir().unwrap();
    let real = start("  {}\n", dir.path()).await;
    assert_eq!(real.call(&SIMULATE, (21,)).tag("t").await.unwrap(), 42);
    let bodies = BODIES.load(Ordering::Relaxed);
    drop(real);

    let rules = "  simulate: {bypass: true, rehearse: {pace: 0.5}}\n  \
                 clean: {bypass: true, rehearse: {pace: 0.5, duration: 200 ms}}\n";
    let chia = start(rules, dir.path()).await;
    let begun = Instant::now();
    let handle = chia.call(&SIMULATE, (21,)).tag("t").dispatch().await.unwrap();
    assert_eq!(handle.get().await.unwrap(), 42, "the recorded value");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(150) && took < Duration::from_secs(5), "{took:?}");
    let outcome = handle.outcome().unwrap();
    assert_eq!(outcome.source, Source::Replayed);
    assert!(outcome.saved >= Duration::from_millis(100), "{:?}", outcome.saved);

    let begun = Instant::now();
    let handle = chia.call(&CLEAN, ("build",)).tag("c").dispatch().await.unwrap();
    handle.get().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
    assert_eq!(handle.outcome().unwrap().source, Source::Provider);
    assert!(!chia.cache().unwrap().has("c").await.unwrap(), "a rehearsal writes nothing");

    let missing = chia.call(&SIMULATE, (1,)).tag("other").await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::ReplayMiss, "no value, and no body is run: {missing}");
    assert_eq!(BODIES.load(Ordering::Relaxed), bodies);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_without_any_time_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let chia = start("  clean: {bypass: true, rehearse: true}\n", dir.path()).await;
    let error = chia.call(&CLEAN, ("build",)).tag("c").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("states no `duration`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_that_run_calls_rehearse_none() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "bypass: {clean: {bypass: true, rehearse: true}}";
    let config = chia_config::Config::parse(rules, "rules.yaml", dir.path()).unwrap();
    let chia = Chia::builder(Registry::new().function(&CLEAN)).config(config).mode(Mode::Off);
    let chia = chia.start().await.unwrap();
    let handle = chia.call(&CLEAN, ("build",)).tag("c").dispatch().await.unwrap();
    handle.get().await.unwrap();
    assert_eq!(handle.outcome().unwrap().source, Source::Ran);
}

fn succeeds(number: u64) -> Result<u64, String> {
    if number.is_multiple_of(4) { Err("a real failure".to_owned()) } else { Ok(number) }
}

static SUCCEEDS: Function<(u64,), u64> = Function::new("succeeds", &succeeds);

/// How many of a hundred rehearsed calls fail, and which.
async fn failures(rehearse: &str, dir: &Path) -> Vec<u64> {
    let rules = format!("cache: {{succeeds: true}}\nbypass:\n  succeeds: {rehearse}\n");
    let config = chia_config::Config::parse(&rules, "rules.yaml", dir).unwrap();
    let cache = CacheOptions::new("1 MB", dir.join("cache"));
    let builder = Chia::builder(Registry::new().function(&SUCCEEDS)).config(config).cache(cache);
    let chia = builder.start().await.unwrap();
    let mut failed = Vec::new();
    for number in 0..100 {
        let entry = chia_cache::NewEntry::new(chia_cache::Origin::Real).function("succeeds");
        let value = chia_loop::encode(&number).unwrap();
        let tag = format!("n{number}");
        let entry = entry.compute_time(Duration::from_micros(10));
        chia.cache().unwrap().write_bytes(&tag, value, &entry).await.unwrap();
        match chia.call(&SUCCEEDS, (number,)).tag(tag).await {
            Ok(value) => assert_eq!(value, number),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TaskFailed, "{error}");
                failed.push(number);
            }
        }
    }
    chia.shutdown().await.unwrap();
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_rehearsed_calls_fails_and_the_same_ones_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let share = "{bypass: true, rehearse: {failures: 0.3}}";
    let first = failures(share, dir.path()).await;
    assert!((15..=45).contains(&first.len()), "{first:?}");
    assert_eq!(failures(share, dir.path()).await, first);
    assert_eq!(failures("{bypass: true, rehearse: true}", dir.path()).await, [0u64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_failures_may_be_that_of_the_last_real_run() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = "{bypass: true, rehearse: {failures: recorded}}";
    assert_eq!(failures(recorded, dir.path()).await, [0u64; 0], "no run has run it");
    let real = failures("{bypass: false}", dir.path()).await;
    assert_eq!(real.len(), 25);
    let rehearsed = failures(recorded, dir.path()).await;
    assert!((10..=42).contains(&rehearsed.len()), "{rehearsed:?}");
}
