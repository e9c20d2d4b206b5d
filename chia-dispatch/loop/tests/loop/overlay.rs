//! Caches whose reads fall through to another one, and runs that fork from an earlier one.

use std::path::{Path, PathBuf};

use chia_cache::{ByteSize, Options, Store, overlay};
use chia_loop::{CacheOptions, Chia, ErrorKind, Source};

use crate::program::{FRESH, with_rules};

const RULES: &str = "cache: {fresh: true}\nbypass: {fresh: true}\n";

async fn start(options: CacheOptions) -> Result<Chia, chia_loop::Error> {
    let chia = with_rules(RULES, Path::new("/")).cache(options).start().await?;
    chia.replay(&FRESH)?;
    Ok(chia)
}

/// The error of a loop that does not start.
async fn refused(options: CacheOptions) -> String {
    let error = start(options).await.expect_err("the cache is refused");
    assert_eq!(error.kind(), ErrorKind::Cache, "{error}");
    error.to_string()
}

/// Values and sources of calls with these tags.
async fn calls(chia: &Chia, tags: &[&str]) -> Vec<(u64, Source)> {
    let mut seen = Vec::new();
    for tag in tags {
        let handle = chia.call(&FRESH, (0,)).tag(*tag).dispatch().await.unwrap();
        let value = handle.get().await.unwrap();
        seen.push((value, handle.outcome().unwrap().source));
    }
    seen
}

/// A run with these tags in a directory, which it leaves.
async fn run(dir: &Path, tags: &[&str]) -> Vec<(u64, Source)> {
    let chia = start(CacheOptions::new("1 MB", dir)).await.unwrap();
    let seen = calls(&chia, tags).await;
    chia.shutdown().await.unwrap();
    seen
}

struct Dirs {
    _folder: tempfile::TempDir,
    base: PathBuf,
    fork: PathBuf,
}

fn dirs() -> Dirs {
    let folder = tempfile::tempdir().unwrap();
    let (base, fork) = (folder.path().join("base"), folder.path().join("fork"));
    Dirs { _folder: folder, base, fork }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Options::new(ByteSize::new(1 << 20))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_fall_through_and_writes_stay() {
    let Dirs { _folder, base, fork } = dirs();
    let first = run(&base, &["a", "b"]).await;
    let before = open(&base).facts("a").unwrap().unwrap();

    let chia = start(CacheOptions::new("1 MB", &fork).overlay_of(&base)).await.unwrap();
    let seen = calls(&chia, &["a", "c", "c"]).await;
    assert_eq!(seen[0], (first[0].0, Source::Replayed), "from the base");
    assert_eq!((seen[1].1, seen[2]), (Source::Ran, (seen[1].0, Source::Replayed)));
    let fresh = chia.call(&FRESH, (7,)).tag("b").fresh().await.unwrap();
    let cache = chia.cache().unwrap();
    assert_eq!(cache.keys().await.unwrap(), ["a", "b", "c"]);
    assert!(cache.has("a").await.unwrap() && cache.facts("a").await.unwrap().is_some());
    assert_eq!(cache.read::<u64>("b").await.unwrap().unwrap().value, fresh, "its own entry");
    assert!(!cache.evict("a").await.unwrap(), "an entry of the base stays");
    chia.shutdown().await.unwrap();

    assert_eq!(open(&fork).keys().unwrap(), ["b", "c"]);
    let base_store = open(&base);
    assert_eq!(base_store.keys().unwrap(), ["a", "b"]);
    let after = base_store.facts("a").unwrap().unwrap();
    assert_eq!((after.created, after.size), (before.created, before.size));
    assert!(after.last_read > before.last_read, "it counts as used");
    drop(base_store);
    assert_eq!(run(&base, &["b"]).await, [(first[1].0, Source::Replayed)], "the first run's value");
    // The directory stays an overlay.
    assert_eq!(run(&fork, &["a"]).await, [(first[0].0, Source::Replayed)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_in_use_is_served_and_an_overlay_may_be_a_base() {
    let Dirs { _folder, base, fork } = dirs();
    let owner = start(CacheOptions::new("1 MB", &base)).await.unwrap();
    let first = calls(&owner, &["a"]).await;
    let chia = start(CacheOptions::new("1 MB", &fork).overlay_of(&base)).await.unwrap();
    assert_eq!(calls(&chia, &["a"]).await, [(first[0].0, Source::Replayed)]);
    chia.shutdown().await.unwrap();
    owner.shutdown().await.unwrap();

    let second = fork.with_file_name("second");
    let chia = start(CacheOptions::new("1 MB", &second).overlay_of(&fork)).await.unwrap();
    assert_eq!(calls(&chia, &["a"]).await, [(first[0].0, Source::Replayed)]);
    chia.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_an_overlay_is_its_own() {
    let Dirs { _folder, base, fork } = dirs();
    run(&base, &["a", "b", "c", "d", "e", "f"]).await;
    let used = open(&base).size_bytes();
    let small = CacheOptions::new(&format!("{} B", used / 2), &fork).overlay_of(&base);
    let chia = start(small).await.unwrap();
    let replayed = calls(&chia, &["a", "b", "c", "d", "e", "f"]).await;
    assert!(replayed.iter().all(|(_, source)| *source == Source::Replayed));
    calls(&chia, &["u", "v", "w", "x", "y", "z"]).await;
    let cache = chia.cache().unwrap();
    let size = cache.size_bytes().await.unwrap();
    assert!(size > 0 && size <= used / 2, "{size} of {used}");
    chia.shutdown().await.unwrap();
    assert_eq!(open(&base).keys().unwrap().len(), 6, "nothing of the base is evicted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_hides_no_result_of_the_base() {
    let Dirs { _folder, base, fork } = dirs();
    let first = run(&base, &["a"]).await;
    let chia = start(CacheOptions::new("1 MB", &fork).overlay_of(&base)).await.unwrap();
    let entry = chia_cache::NewEntry::new(chia_cache::Origin::Provider).function("fresh");
    let value = chia_loop::encode(&99_u64).unwrap();
    chia.cache().unwrap().write_bytes("a", value, &entry).await.unwrap();
    assert_eq!(calls(&chia, &["a"]).await, [(first[0].0, Source::Replayed)]);
    chia.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn overlays_that_cannot_be_are_refused_and_nothing_is_lost() {
    let Dirs { _folder, base, fork } = dirs();
    let first = run(&base, &["a"]).await;
    let overlay_of = |base: &Path| CacheOptions::new("1 MB", &fork).overlay_of(base);
    let gone = base.with_file_name("gone");
    let message = refused(overlay_of(&gone)).await;
    assert!(message.contains("gone is gone: bring it back"), "{message}");
    let message = refused(overlay_of(&fork)).await;
    assert!(message.contains("it is its own base"), "{message}");
    let message = refused(overlay_of(base.parent().unwrap())).await;
    assert!(message.contains("is no cache"), "{message}");

    let chia = start(overlay_of(&base)).await.unwrap();
    let own = calls(&chia, &["own"]).await;
    chia.shutdown().await.unwrap();
    let message = refused(CacheOptions::new("1 MB", &base).overlay_of(&fork)).await;
    assert!(message.contains("in a circle"), "{message}");
    run(&gone, &["other"]).await;
    let message = refused(overlay_of(&gone)).await;
    assert!(message.contains("is an overlay of") && message.contains("gone"), "{message}");

    let moved = base.with_file_name("moved");
    std::fs::rename(&base, &moved).unwrap();
    let message = refused(CacheOptions::new("1 MB", &fork)).await;
    assert!(message.contains("is gone"), "{message}");
    assert_eq!(open(&fork).keys().unwrap(), ["own"], "the overlay's entries are there");
    let chia = start(overlay_of(&moved)).await.unwrap();
    let seen = calls(&chia, &["own", "a"]).await;
    assert_eq!(seen, [(own[0].0, Source::Replayed), (first[0].0, Source::Replayed)]);
    chia.shutdown().await.unwrap();
    assert_eq!(overlay::base(&fork).unwrap(), Some(moved));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_cache_does_not_become_an_overlay() {
    let Dirs { _folder, base, fork } = dirs();
    run(&base, &["a"]).await;
    let chia = start(CacheOptions::new("1 MB", &fork)).await.unwrap();
    let options = CacheOptions::new("1 MB", &fork).overlay_of(&base);
    let second = with_rules(RULES, Path::new("/")).backend(chia.backend().clone()).cache(options);
    let error = second.start().await.expect_err("the cache is refused");
    assert!(error.to_string().contains("running without a base"), "{error}");
    chia.shutdown().await.unwrap();
}
