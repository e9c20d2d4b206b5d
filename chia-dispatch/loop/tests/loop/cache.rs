//! Kept and replayed results.

use std::path::Path;
use std::time::{Duration, Instant};

use chia_loop::cache::{Origin, Policy};
use chia_loop::{CacheOptions, CacheWrite, Chia, ErrorKind, Handle, Source};

use crate::program::{
    ADD, BYTES, CACHE_HIT, FORTY_TWO, FRESH, READ_CACHE, backend, builder, cached, registry,
    with_rules,
};

const RULES: &str = "cache:\n  fresh: {cache: true, tags: ['iter.*']}\n  add: true\n  bytes: true\n\
                     bypass:\n  fresh: {bypass: true, tags: ['iter[13]_.*']}\n  add: true\n";

async fn settled<T: chia_loop::Value>(handle: Handle<T>) -> (T, Source, CacheWrite) {
    let value = handle.get().await.unwrap();
    let outcome = handle.outcome().unwrap();
    (value, outcome.source, outcome.write)
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_tagged_results_are_kept_and_untagged_never() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    let kept = chia.call(&FRESH, (0,)).tag("iter0_a").dispatch().await.unwrap();
    let (value, source, write) = settled(kept).await;
    assert_eq!((source, write), (Source::Ran, CacheWrite::Stored));
    for call in [chia.call(&FRESH, (0,)), chia.call(&FRESH, (0,)).tag("other")] {
        let handle = call.dispatch().await.unwrap();
        assert_eq!(settled(handle).await.2, CacheWrite::NotAsked);
    }
    let cache = chia.cache().unwrap();
    assert_eq!(cache.keys().await.unwrap(), ["iter0_a"]);
    let entry = cache.read::<u64>("iter0_a").await.unwrap().unwrap();
    assert_eq!(entry.value, value);
    assert_eq!(entry.facts.function.as_deref(), Some("fresh"));
    assert_eq!(entry.facts.origin, Origin::Real);
    assert!(entry.facts.compute_time.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_replay_serves_what_is_there_and_runs_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.replay(&FRESH).unwrap();
    let first = chia.call(&FRESH, (0,)).tag("iter1_a").dispatch().await.unwrap();
    let (value, source, write) = settled(first).await;
    assert_eq!((source, write), (Source::Ran, CacheWrite::Stored));
    let again = chia.call(&FRESH, (0,)).tag("iter1_a").dispatch().await.unwrap();
    assert_eq!(settled(again).await, (value, Source::Replayed, CacheWrite::NotAsked));
    let other = chia.call(&FRESH, (0,)).tag("iter0_a").dispatch().await.unwrap();
    assert_eq!(settled(other).await.1, Source::Ran, "not selected by the bypass");
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_replacement_never_displaces_a_real_result_and_is_not_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    let replaced = chia.call(&ADD, (1, 2)).tag("a").dispatch().await.unwrap();
    assert_eq!(settled(replaced).await, (42, Source::Provider, CacheWrite::Stored));
    chia.replay(&ADD).unwrap();
    let miss = chia.call(&ADD, (1, 2)).tag("a").dispatch().await.unwrap();
    assert_eq!(settled(miss).await, (3, Source::Ran, CacheWrite::Stored), "42 is no result of add");
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    let replaced = chia.call(&ADD, (1, 2)).tag("a").dispatch().await.unwrap();
    assert_eq!(settled(replaced).await, (42, Source::Provider, CacheWrite::KeptReal));
    assert_eq!(chia.cache().unwrap().read::<i64>("a").await.unwrap().unwrap().value, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_kept_value_of_another_type_is_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.replay(&FRESH).unwrap();
    chia.cache().unwrap().write("iter1_a", &"not a number".to_owned()).await.unwrap();
    let handle = chia.call(&FRESH, (0,)).tag("iter1_a").dispatch().await.unwrap();
    assert_eq!(settled(handle).await.1, Source::Ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_replay_can_fail_on_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.replay_or_fail(&FRESH).unwrap();
    let error = chia.call(&FRESH, (0,)).tag("iter1_a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReplayMiss);
    assert!(error.message().contains("iter1_a"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_pair_of_the_reference_works_too() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.set_provider(&FRESH, &READ_CACHE).unwrap();
    chia.set_condition(&FRESH, &CACHE_HIT).unwrap();
    let cold = chia.call(&FRESH, (0,)).tag("iter1_a").await.unwrap();
    let warm = chia.call(&FRESH, (0,)).tag("iter1_a").dispatch().await.unwrap();
    assert_eq!(settled(warm).await, (cold, Source::Provider, CacheWrite::Refreshed));
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_result_is_kept_before_it_can_be_seen_and_when_nobody_asks() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    let handle = chia.call(&FRESH, (0,)).tag("iter0_a").dispatch().await.unwrap();
    handle.get().await.unwrap();
    assert!(chia.cache().unwrap().has("iter0_a").await.unwrap());
    drop(chia.call(&FRESH, (0,)).tag("iter0_b").dispatch().await.unwrap());
    let seen = async {
        while !chia.cache().unwrap().has("iter0_b").await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("kept though dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn r13_what_is_larger_than_the_cache_is_not_kept_and_the_call_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let cache = CacheOptions::new("100 KB", dir.path().join("cache"));
    let chia = with_rules(RULES, dir.path()).cache(cache).start().await.unwrap();
    let handle = chia.call(&BYTES, (1_000_000,)).tag("big").dispatch().await.unwrap();
    let (value, _, write) = settled(handle).await;
    assert_eq!((value.len(), write), (1_000_000, CacheWrite::TooLarge));
    assert_eq!(chia.summary().functions["bytes"].unwritten, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r13_a_cache_that_died_costs_no_call() {
    let dir = tempfile::tempdir().unwrap();
    let chia = cached(RULES, dir.path()).await;
    chia.cache().unwrap().stop().await.unwrap();
    let handle = chia.call(&FRESH, (0,)).tag("iter0_a").dispatch().await.unwrap();
    assert_eq!(settled(handle).await.2, CacheWrite::Failed);
    assert_eq!(chia.summary().functions["fresh"].unwritten, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r16_a_second_run_finds_what_the_first_one_kept() {
    let dir = tempfile::tempdir().unwrap();
    let value = {
        let chia = cached(RULES, dir.path()).await;
        let value = chia.call(&FRESH, (0,)).tag("iter1_a").await.unwrap();
        chia.shutdown().await.unwrap();
        value
    };
    let chia = cached(RULES, dir.path()).await;
    chia.replay(&FRESH).unwrap();
    assert_eq!(chia.call(&FRESH, (0,)).tag("iter1_a").await.unwrap(), value);
}

/// Opening a store waits for its directory and recovers; tasks of the same thread go on meanwhile.
#[tokio::test]
async fn r18_opening_the_store_does_not_block_the_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("cache");
    let holder =
        chia_cache::Store::open(&place, chia_cache::Options::new("1 MB".parse().unwrap())).unwrap();
    let wait = Duration::from_secs(2);
    let cache = CacheOptions::new("1 MB", &place).lock_wait(wait);
    let starting = tokio::spawn(builder().cache(cache).start());
    let start = Instant::now();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(start.elapsed() < wait, "blocked for {:?}", start.elapsed());
    assert!(!starting.is_finished(), "the directory is held");
    drop(holder);
    starting.await.unwrap().expect("the directory is free");
}

async fn share(dir: &Path, size: &str) -> chia_loop::Result<(Chia, Chia)> {
    let backend = backend();
    let start = |size: &str, dir: &Path| {
        let cache = CacheOptions::new(size, dir.join("cache"));
        Chia::builder(registry()).backend(backend.clone()).cache(cache).start()
    };
    let first = start("1 MB", dir).await?;
    Ok((first, start(size, dir).await?))
}

#[tokio::test(flavor = "multi_thread")]
async fn r21_a_second_loop_attaches_to_the_living_cache_and_resizes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = share(dir.path(), "2 MB").await.unwrap();
    first.cache().unwrap().write("a", &1_i64).await.unwrap();
    assert_eq!(second.cache().unwrap().read::<i64>("a").await.unwrap().unwrap().value, 1);
    assert_eq!(first.cache().unwrap().stats().await.unwrap().budget, 2 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn r21_another_directory_is_an_error_that_shows_both() {
    let dir = tempfile::tempdir().unwrap();
    let backend = backend();
    for (name, fits) in [("one", true), ("two", false)] {
        let cache = CacheOptions::new("1 MB", dir.path().join(name));
        let started = Chia::builder(registry()).backend(backend.clone()).cache(cache).start().await;
        if fits {
            started.unwrap();
            continue;
        }
        let error = started.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cache);
        assert!(error.message().contains("one") && error.message().contains("two"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_one_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = builder().cache(CacheOptions::new("1 MB", &file)).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cache);
    assert!(error.message().contains("file"), "{error}");
    let error = builder().cache(CacheOptions::new("4 XB", &file)).start().await.unwrap_err();
    assert!(error.message().contains("4 XB"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r39_attaching_with_a_small_size_names_what_would_go() {
    let dir = tempfile::tempdir().unwrap();
    let backend = backend();
    let start = |size: &str, allow: bool| {
        let cache = CacheOptions::new(size, dir.path().join("cache")).allow_shrink(allow);
        Chia::builder(registry()).backend(backend.clone()).cache(cache).start()
    };
    let first = start("1 MB", false).await.unwrap();
    let cache = first.cache().unwrap();
    for i in 0..50 {
        cache.write(&format!("t{i}"), &"x".repeat(1000)).await.unwrap();
    }
    let error = start("4 KB", false).await.unwrap_err();
    assert!(error.to_string().contains("evict 46 entries"), "{error}");
    assert_eq!(cache.stats().await.unwrap().entries, 50);
    start("4 KB", true).await.unwrap();
    assert_eq!(cache.stats().await.unwrap().entries, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn r39_a_size_without_a_unit_or_of_0_is_an_error_that_shows_the_likely_meaning() {
    let dir = tempfile::tempdir().unwrap();
    for (size, meant) in [("4", "4 GB"), ("4294967296", "4 GiB"), ("0", "holds nothing")] {
        let cache = CacheOptions::new(size, dir.path());
        let error = builder().cache(cache).start().await.unwrap_err();
        assert!(error.message().contains(meant), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r38_a_loop_chooses_the_eviction_policy() {
    let dir = tempfile::tempdir().unwrap();
    let backend = backend();
    let start = |policy| {
        let cache = CacheOptions::new("1 MB", dir.path().join("cache")).policy(policy);
        Chia::builder(registry()).backend(backend.clone()).cache(cache).start()
    };
    let first = start(Policy::SavedTime).await.unwrap();
    let stats = first.cache().unwrap().stats().await.unwrap();
    assert_eq!(stats.policy, Policy::SavedTime);
    let error = start(Policy::Lru).await.unwrap_err();
    let message = error.message();
    assert!(message.contains("saved-time") && message.contains("lru"), "{error}");
}
