//! The program that the tests run: functions that leave a trace, providers, conditions.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chia_local::LocalBackend;
use chia_loop::{
    Backend, Blob, CacheOptions, Chia, ChiaBuilder, Condition, Error, Function, Provider, Registry,
    Resources, Result, Shown, Site, Worker, block_on,
};

fn add(x: i64, y: i64) -> i64 {
    x + y
}

pub(crate) static ADD: Function<(i64, i64), i64> =
    Function::new("add", &add).resources(&[("adder", 1.0)]);

async fn describe(value: i64) -> Result<String, Error> {
    Ok(format!("value {value}"))
}

pub(crate) static DESCRIBE: Function<(i64,), String> = Function::new("describe", &describe);

static RUNS: AtomicU64 = AtomicU64::new(0);

/// Another number at every run: a replayed result differs from a computed one.
async fn fresh(offset: u64) -> u64 {
    offset + RUNS.fetch_add(1, Ordering::Relaxed)
}

pub(crate) static FRESH: Function<(u64,), u64> = Function::new("fresh", &fresh);

fn fail(message: String) -> Result<i64, String> {
    Err(message)
}

pub(crate) static FAIL: Function<(String,), i64> = Function::new("fail", &fail);

async fn sleeps() {
    std::future::pending::<()>().await;
}

pub(crate) static SLEEPS: Function<(), ()> = Function::new("sleeps", &sleeps);

fn boom() -> i64 {
    panic!("kaboom")
}

pub(crate) static BOOM: Function<(), i64> = Function::new("boom", &boom);

pub(crate) static BYTES: Function<(u64,), Blob> =
    Function::new("bytes", &|size: u64| Blob::from(vec![7; usize::try_from(size).unwrap_or(0)]));

pub(crate) static TEXT: Function<(), String> = Function::new("text", &|| "computed".to_owned());

/// Calls `fresh` under the rules of its caller.
async fn outer(tag: String) -> Result<u64, Error> {
    let chia = Chia::current().expect("inside a task");
    chia.call(&FRESH, (1000,)).tag(tag).await
}

pub(crate) static OUTER: Function<(String,), u64> = Function::new("outer", &outer);

/// Calls itself, `depth` deep, blocking a thread at each level.
fn deep(depth: u32) -> Result<u32, Error> {
    if depth == 0 {
        return Ok(0);
    }
    let chia = Chia::current().expect("inside a task");
    block_on(chia.call(&DEEP, (depth - 1,))).map(|below| below + 1)
}

pub(crate) static DEEP: Function<(u32,), u32> = Function::new("deep", &deep);

/// Puts a provider in the place of `fresh` for its own nested calls.
async fn overrides() -> Result<u64, Error> {
    let chia = Chia::current().expect("inside a task");
    chia.set_provider_with(&FRESH, &CAPTURED, &99)?;
    chia.call(&FRESH, (0,)).tag("replaced").await
}

pub(crate) static OVERRIDES: Function<(), u64> = Function::new("overrides", &overrides);

/// A Python function, which no backend here can run.
pub(crate) static SIMULATE: Function<(u64,), u64> = Function::foreign("steps:simulate");

pub(crate) static FORTY_TWO: Provider<(i64, i64), i64> =
    Provider::new("forty_two", &|_site: Site, _args: (i64, i64)| 42);

pub(crate) static CAPTURED: Provider<(u64,), u64> =
    Provider::new("captured", &|site: Site, _args: (u64,)| site.capture::<u64>());

/// What a provider sees: tag, data path and arguments.
pub(crate) static ECHO_SITE: Provider<(i64,), String> =
    Provider::new("echo_site", &|site: Site, (value,): (i64,)| {
        let data = site.data().map(|path| path.display().to_string());
        format!("{:?} {data:?} {value}", site.tag())
    });

/// The reference's manual pair: a condition that looks into the cache, a provider that reads it.
async fn cache_hit(site: Site, _args: (Shown<u64>,)) -> Result<bool> {
    match (site.cache(), site.tag()) {
        (Some(cache), Some(tag)) => cache.has(tag).await,
        _ => Ok(false),
    }
}

pub(crate) static CACHE_HIT: Condition<(u64,)> = Condition::new("cache_hit", &cache_hit);

async fn read_cache(
    site: Site,
    _args: (u64,),
) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let (cache, tag) = (site.cache().ok_or("no cache")?, site.tag().ok_or("no tag")?);
    Ok(cache.read(tag).await?.ok_or("cache miss")?.value)
}

pub(crate) static READ_CACHE: Provider<(u64,), u64> = Provider::new("read_cache", &read_cache);

pub(crate) static SMALL: Condition<(i64, i64)> =
    Condition::new("small", &|_site: Site, (x, y): (Shown<i64>, Shown<i64>)| match (
        x.value(),
        y.value(),
    ) {
        (Some(x), Some(y)) => Ok(x + y < 10),
        _ => Err("pending".to_owned()),
    });

pub(crate) fn registry() -> Registry {
    Registry::new()
        .function(&ADD)
        .function(&DESCRIBE)
        .function(&FRESH)
        .function(&FAIL)
        .function(&BOOM)
        .function(&SLEEPS)
        .function(&BYTES)
        .function(&TEXT)
        .function(&OUTER)
        .function(&DEEP)
        .function(&OVERRIDES)
        .function(&SIMULATE)
        .provider(&FORTY_TWO)
        .provider(&CAPTURED)
        .provider(&ECHO_SITE)
        .provider(&READ_CACHE)
        .condition(&CACHE_HIT)
        .condition(&SMALL)
}

/// One node with two processors and two adders.
pub(crate) fn backend() -> Arc<dyn Backend> {
    let head = Resources::from([("cpu", 2.0), ("adder", 2.0)]);
    LocalBackend::builder()
        .node("head", head)
        .start(Arc::new(Worker::new(registry())))
        .expect("a runtime is running")
}

pub(crate) fn builder() -> ChiaBuilder {
    Chia::builder(registry()).backend(backend())
}

/// A loop under rules given as YAML; relative `data:` paths are relative to `dir`.
pub(crate) fn with_rules(yaml: &str, dir: &Path) -> ChiaBuilder {
    let config = chia_config::Config::parse(yaml, "rules.yaml", dir).expect("rules");
    builder().config(config)
}

/// A loop under rules, with a cache in `dir`.
pub(crate) async fn cached(yaml: &str, dir: &Path) -> Chia {
    let cache = CacheOptions::new("64 MB", dir.join("cache"));
    with_rules(yaml, dir).cache(cache).start().await.expect("the loop starts")
}
