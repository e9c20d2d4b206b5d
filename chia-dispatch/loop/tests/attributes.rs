//! Functions, providers and conditions declared by attribute.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use chia_loop::rules::Config;
use chia_loop::{CPU, Chia, Registry, Result, Shown, Site};

/// Doubles.
#[chia_loop::function(cpu = 0.5, resources = [("doubler", 1.0)], retries = 2, version = "2", keep_if = |x| *x > 0)]
fn double(x: i64) -> i64 {
    2 * x
}

#[chia_loop::function(name = "halve_it", cpu = 0.0)]
pub(crate) async fn halve(x: i64) -> std::result::Result<i64, std::num::TryFromIntError> {
    i32::try_from(x).map(|x| i64::from(x) / 2)
}

#[chia_loop::function]
async fn nothing() {}

#[chia_loop::function]
fn fails(text: String) -> std::result::Result<String, Box<dyn std::error::Error + Send + Sync>> {
    Err(text.into())
}

#[chia_loop::provider]
fn recorded(site: Site, (x,): (i64,)) -> i64 {
    site.tag().map_or(0, |_| 100 + x)
}

#[chia_loop::condition]
async fn small(_: Site, (x,): (Shown<i64>,)) -> Result<bool> {
    Ok(x.value().is_some_and(|x| x < 10))
}

async fn start(rules: &str) -> Chia {
    let config = Config::parse(rules, "rules.yaml", ".").unwrap();
    let node = chia_loop::Resources::from([("cpu", 1.0), ("doubler", 1.0)]);
    let worker = chia_loop::Worker::new(Registry::collect());
    let backend = chia_loop::LocalBackend::builder().node("here", node);
    let backend = backend.start(std::sync::Arc::new(worker.clone())).unwrap();
    Chia::builder(worker).backend(backend).config(config).start().await.unwrap()
}

#[tokio::test]
async fn declared_functions_are_registered_and_run() {
    let chia = start("").await;
    assert_eq!(chia.call(&DOUBLE, (21,)).await.unwrap(), 42);
    assert_eq!(chia.call(&HALVE, (42,)).await.unwrap(), 21);
    chia.call(&NOTHING, ()).await.unwrap();
    let error = chia.call(&FAILS, ("out of licences".to_owned(),)).await.unwrap_err();
    assert!(error.message().contains("out of licences"), "{error}");
    let error = chia.call(&HALVE, (i64::MAX,)).await.unwrap_err();
    assert!(error.message().contains("out of range"), "{error}");
}

#[test]
fn options_are_those_of_the_token() {
    let options = DOUBLE.options();
    assert_eq!(options.resources.amount(CPU).get(), 0.5);
    assert_eq!(options.resources.amount("doubler").get(), 1.0);
    assert_eq!((options.retries, HALVE.name()), (2, "halve_it"));
    assert!(HALVE.options().resources.amount(CPU).is_zero());
    assert_eq!(NOTHING.options().resources.amount(CPU).get(), 1.0, "as by hand");
}

#[tokio::test]
async fn declared_providers_and_conditions_replace_calls() {
    let chia = start("bypass: {double: true}").await;
    chia.set_provider(&DOUBLE, &RECORDED).unwrap();
    chia.set_condition(&DOUBLE, &SMALL).unwrap();
    assert_eq!(chia.call(&DOUBLE, (1,)).tag("a").await.unwrap(), 101);
    assert_eq!(chia.call(&DOUBLE, (20,)).tag("a").await.unwrap(), 40);
}

#[test]
fn by_hand_goes_on_beside_it() {
    static TRIPLE: chia_loop::Function<(i64,), i64> =
        chia_loop::Function::new("triple", &|x: i64| 3 * x);
    let names: Vec<_> = Registry::collect().function(&TRIPLE).function_names().collect();
    assert_eq!(names, ["double", "fails", "halve_it", "measure", "nothing", "triple"]);
}

#[test]
#[should_panic(expected = "two functions are registered as `double`")]
fn a_name_is_registered_once() {
    let _ = Registry::collect().function(&DOUBLE);
}

/// The measured length, where there is something to measure.
#[chia_loop::function(version = "2", keep_if = |length| length.is_some())]
fn measure(text: String, _unit: u32) -> Option<usize> {
    (!text.is_empty()).then_some(text.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn r26_r28_the_attribute_knows_parameters_version_and_what_is_worth_keeping() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "cache: {measure: true}";
    let config = chia_config::Config::parse(rules, "rules.yaml", dir.path()).unwrap();
    let cache = chia_loop::CacheOptions::new("1 MB", dir.path().join("cache"));
    let builder = Chia::builder(Registry::collect()).config(config).cache(cache);
    let chia = builder.start().await.unwrap();
    assert_eq!(chia.call(&MEASURE, ("four", 1)).tag("some").await.unwrap(), Some(4));
    assert_eq!(chia.call(&MEASURE, ("", 1)).tag("none").await.unwrap(), None);
    let cache = chia.cache().unwrap();
    assert_eq!(cache.keys().await.unwrap(), ["some"]);
    let provenance = cache.facts("some").await.unwrap().unwrap().provenance;
    assert_eq!(provenance.version.as_deref(), Some("2"));
    let names: Vec<_> = provenance.arguments.iter().filter_map(|a| a.name.as_deref()).collect();
    assert_eq!(names, ["text", "_unit"]);
}
