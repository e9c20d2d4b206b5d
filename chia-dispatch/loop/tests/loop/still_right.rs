//! Replays that are compared with their calls, and runs that overrule their rules.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use chia_loop::rules::{Answer, Mode};
use chia_loop::{CacheOptions, CacheWrite, Chia, ChiaBuilder, Error, Function, Registry, Source};

static RUNS: AtomicU64 = AtomicU64::new(0);

/// Another number at every run: a replayed result differs from a computed one.
fn sim(seed: u64, note: String) -> u64 {
    drop(note);
    seed * 1_000_000 + RUNS.fetch_add(1, Ordering::Relaxed)
}

static SIM: Function<(u64, String), u64> =
    Function::new("sim", &sim).version("1").parameters(&["seed", "note"]);

/// The same function after its author changed it.
static SIM_2: Function<(u64, String), u64> =
    Function::new("sim", &sim).version("2").parameters(&["seed", "note"]);

/// A result that says nothing of its argument.
static ZERO: Function<(u64,), u64> = Function::new("zero", &|_seed: u64| 0);

static BY_NAME: Function<(HashMap<String, u64>,), u64> =
    Function::new("by_name", &|map: HashMap<String, u64>| {
        map.len() as u64 + 100 * RUNS.fetch_add(1, Ordering::Relaxed)
    });

static EVEN: Function<(u64,), u64> =
    Function::new("even", &|number: u64| number).keep_if(&|number| number.is_multiple_of(2));

static TOUCHY: Function<(u64,), u64> =
    Function::new("touchy", &|number: u64| number).keep_if(&|_| panic!("no verdict"));

async fn nested(tag: String) -> Result<u64, Error> {
    let chia = Chia::current().expect("inside a task");
    chia.call(&SIM, (7, String::new())).tag(tag).await
}

static NESTED: Function<(String,), u64> = Function::new("nested", &nested);

const BOTH: &str = "cache: {sim: true, zero: true}\nbypass: {sim: true, zero: true}\n";

fn registry(sim: &Function<(u64, String), u64>) -> Registry {
    let registry = Registry::new().function(sim).function(&ZERO).function(&BY_NAME);
    registry.function(&EVEN).function(&TOUCHY).function(&NESTED)
}

fn builder_of(sim: &Function<(u64, String), u64>, yaml: &str, dir: &Path) -> ChiaBuilder {
    let config = chia_config::Config::parse(yaml, "rules.yaml", dir).expect("rules");
    let cache = CacheOptions::new("64 MB", dir.join("cache"));
    Chia::builder(registry(sim)).config(config).cache(cache)
}

async fn start(sim: &Function<(u64, String), u64>, yaml: &str, dir: &Path) -> Chia {
    replaying(builder_of(sim, yaml, dir)).await
}

async fn replaying(builder: ChiaBuilder) -> Chia {
    let chia = builder.start().await.expect("the loop starts");
    chia.replay(&SIM).unwrap();
    chia
}

/// Value, source, what differs, and why nothing was replayed.
async fn call(chia: &Chia, seed: u64, note: &str) -> (u64, Source, String, String) {
    let handle = chia.call(&SIM, (seed, note)).tag("s").dispatch().await.unwrap();
    let value = handle.get().await.unwrap();
    let outcome = handle.outcome().unwrap();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (value, outcome.source, text(&outcome.stale), text(&outcome.missed))
}

#[tokio::test(flavor = "multi_thread")]
async fn r27_without_a_check_a_different_argument_is_served_and_counted_as_stale() {
    let dir = tempfile::tempdir().unwrap();
    let chia = start(&SIM, BOTH, dir.path()).await;
    let first = call(&chia, 1, "a").await;
    assert_eq!((first.1, first.2.as_str()), (Source::Ran, ""));
    let same = call(&chia, 1, "a").await;
    assert_eq!((same.0, same.1, same.2.as_str()), (first.0, Source::Replayed, ""));
    let other = call(&chia, 2, "a").await;
    assert_eq!((other.0, other.1), (first.0, Source::Replayed));
    assert_eq!(other.2, "argument 1 `seed` was 1, is 2");
    let tally = chia.summary().total();
    assert_eq!((tally.replayed, tally.stale), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn r27_with_a_check_a_difference_is_a_miss_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache: {sim: true}\nbypass: {sim: {bypass: true, check: true}}\n";
    let chia = start(&SIM, yaml, dir.path()).await;
    let first = call(&chia, 1, "a").await;
    let second = call(&chia, 2, "a").await;
    assert_eq!(second.1, Source::Ran);
    assert!(second.3.ends_with("argument 1 `seed` was 1, is 2"), "{}", second.3);
    assert_ne!(second.0, first.0);
    // The new result replaced the old one, with its own arguments.
    assert_eq!(call(&chia, 2, "a").await.1, Source::Replayed);
    let long = "x".repeat(65);
    let third = call(&chia, 2, &long).await;
    assert_eq!(third.1, Source::Ran);
    assert!(
        third.3.contains("argument 2 `note` was ") && third.3.contains(" bytes)"),
        "{}",
        third.3
    );
    drop(chia);
    let chia = start(&SIM_2, yaml, dir.path()).await;
    let fourth = call(&chia, 2, &long).await;
    assert!(fourth.3.ends_with("the version was `1`, is `2`"), "{}", fourth.3);
}

#[tokio::test(flavor = "multi_thread")]
async fn r27_what_is_ignored_or_not_listed_is_not_checked() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache: {sim: true}\n\
                bypass: {sim: {bypass: true, check: [arguments], ignore: [note]}}\n";
    let chia = start(&SIM, yaml, dir.path()).await;
    call(&chia, 1, "a").await;
    let ignored = call(&chia, 1, "b").await;
    assert_eq!((ignored.1, ignored.2.as_str()), (Source::Replayed, ""));
    drop(chia);
    let chia = start(&SIM_2, yaml, dir.path()).await;
    let version = call(&chia, 1, "a").await;
    assert_eq!(version.1, Source::Replayed);
    assert_eq!(version.2, "the version was `1`, is `2`");
    assert_eq!(call(&chia, 3, "a").await.1, Source::Ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn r27_results_of_other_calls_are_compared_by_their_value() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache: {sim: true}\nbypass: {sim: true}\n";
    let builder = builder_of(&SIM, yaml, dir.path()).check_by_default(true);
    let chia = replaying(builder).await;
    let upstream = |number: u64| chia.call(&EVEN, (number,)).dispatch();
    for (number, source) in [(4, Source::Ran), (4, Source::Replayed), (6, Source::Ran)] {
        let argument = upstream(number).await.unwrap();
        let handle = chia.call(&SIM, (argument, "")).tag("s").dispatch().await.unwrap();
        handle.get().await.unwrap();
        assert_eq!(handle.outcome().unwrap().source, source, "upstream was {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r26_equal_bytes_from_other_arguments_are_recorded_anew() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache: {zero: true}\nbypass: {zero: {bypass: true, check: true}}\n";
    let chia = start(&SIM, yaml, dir.path()).await;
    chia.replay(&ZERO).unwrap();
    for (seed, source) in [(1, Source::Ran), (2, Source::Ran), (2, Source::Replayed)] {
        let handle = chia.call(&ZERO, (seed,)).tag("z").dispatch().await.unwrap();
        handle.get().await.unwrap();
        assert_eq!(handle.outcome().unwrap().source, source, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r26_an_entry_records_version_arguments_run_and_labels() {
    let dir = tempfile::tempdir().unwrap();
    let chia = start(&SIM, BOTH, dir.path()).await;
    let call = chia.call(&SIM, (3, "n")).tag("s").label("slack_ps", -12);
    call.await.unwrap();
    let provenance = chia.cache().unwrap().facts("s").await.unwrap().unwrap().provenance;
    assert_eq!(provenance.version.as_deref(), Some("1"));
    let texts: Vec<_> = provenance.arguments.iter().filter_map(|a| a.repr.as_deref()).collect();
    assert_eq!(texts, ["3", "\"n\""]);
    assert_eq!(provenance.arguments[1].name.as_deref(), Some("note"));
    assert!(provenance.run.is_some());
    assert_eq!(provenance.labels, [("slack_ps".to_owned(), "-12".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn r28_a_rejected_result_is_returned_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache: {even: true, touchy: true}\n";
    let chia = start(&SIM, yaml, dir.path()).await;
    for (function, number, write) in [
        (&EVEN, 2, CacheWrite::Stored),
        (&EVEN, 3, CacheWrite::Rejected),
        (&TOUCHY, 4, CacheWrite::Rejected),
    ] {
        let handle = chia.call(function, (number,)).tag(format!("n{number}")).dispatch().await;
        let handle = handle.unwrap();
        assert_eq!(handle.get().await.unwrap(), number);
        assert_eq!(handle.outcome().unwrap().write, write, "{number}");
    }
    assert_eq!(chia.cache().unwrap().keys().await.unwrap(), ["n2"]);
    assert_eq!(chia.summary().total().rejected, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn r29_the_mode_of_a_run_overrules_its_rules() {
    let dir = tempfile::tempdir().unwrap();
    let run = |mode| builder_of(&SIM, BOTH, dir.path()).mode(mode);
    let filled = call(&replaying(run(Mode::Auto)).await, 1, "").await;
    let off = replaying(run(Mode::Off)).await;
    assert_eq!(call(&off, 1, "").await.1, Source::Ran);
    assert_eq!(off.summary().total().written, 0, "off writes nothing");
    drop(off);
    let replayed = call(&replaying(run(Mode::Auto)).await, 1, "").await;
    assert_eq!(replayed.0, filled.0, "off changed nothing");
    for mode in [Mode::Record, Mode::Refresh] {
        let chia = replaying(run(mode)).await;
        let ran = call(&chia, 1, "").await;
        assert_eq!((ran.1, chia.summary().total().written), (Source::Ran, 1), "{mode:?}");
    }
    let chia = replaying(run(Mode::Replay)).await;
    assert_eq!(call(&chia, 1, "").await.1, Source::Replayed);
    let missing = chia.call(&SIM, (1, "")).tag("absent").await.unwrap_err();
    assert_eq!(missing.kind(), chia_loop::ErrorKind::ReplayMiss);
}

async fn sources(chia: &Chia, tags: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for tag in tags {
        let handle = chia.call(&SIM, (1, "")).tag(*tag).dispatch().await.unwrap();
        handle.get().await.unwrap();
        sources.push(handle.outcome().unwrap().source);
    }
    sources
}

#[tokio::test(flavor = "multi_thread")]
async fn r29_calls_run_again_by_pattern_from_a_tag_on_and_one_by_one() {
    use Source::{Ran, Replayed};
    let dir = tempfile::tempdir().unwrap();
    let run = || builder_of(&SIM, BOTH, dir.path());
    let tags = ["iter0", "iter1", "iter2", "iter0"];
    let chia = replaying(run()).await;
    assert_eq!(sources(&chia, &tags).await, [Ran, Ran, Ran, Replayed]);
    let fresh = chia.call(&SIM, (1, "")).tag("iter0").fresh().dispatch().await.unwrap();
    fresh.get().await.unwrap();
    assert_eq!(fresh.outcome().unwrap().source, Ran);
    drop((fresh, chia));
    let chia = replaying(run().rerun("iter[12]")).await;
    assert_eq!(sources(&chia, &tags).await, [Replayed, Ran, Ran, Replayed]);
    drop(chia);
    let chia = replaying(run().run_from("iter1")).await;
    assert_eq!(sources(&chia, &tags).await, [Replayed, Ran, Ran, Ran]);
    let nested = chia.call(&NESTED, ("iter0",)).dispatch().await.unwrap();
    nested.get().await.unwrap();
    assert_eq!(nested.outcome().unwrap().nested["sim"].ran, 1, "nested calls know of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn r30_tags_made_from_arguments_memoise() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache:\n  by_name: {cache: true, tag: auto}\n  sim: {cache: true}\n\
                bypass: {by_name: true, sim: true}\n";
    let chia = start(&SIM, yaml, dir.path()).await;
    chia.replay(&BY_NAME).unwrap();
    let map = |keys: Vec<u64>| keys.into_iter().map(|key| (format!("k{key}"), key)).collect();
    let first: HashMap<String, u64> = map((0..50).collect());
    let again: HashMap<String, u64> = map((0..50).rev().collect());
    let value = chia.call(&BY_NAME, (first,)).await.unwrap();
    assert_eq!(chia.call(&BY_NAME, (again,)).await.unwrap(), value, "order does not count");
    let other: HashMap<String, u64> = map((0..51).collect());
    assert_ne!(chia.call(&BY_NAME, (other,)).await.unwrap(), value);
    let one = chia.call(&SIM, (1, "")).tag_auto().await.unwrap();
    assert_eq!(chia.call(&SIM, (1, "")).tag_auto().await.unwrap(), one);
    assert_ne!(chia.call(&SIM, (2, "")).tag_auto().await.unwrap(), one);
    drop(chia);
    let chia = start(&SIM_2, yaml, dir.path()).await;
    assert_ne!(chia.call(&SIM, (1, "")).tag_auto().await.unwrap(), one, "another version");
}

#[tokio::test(flavor = "multi_thread")]
async fn r31_what_had_no_effect_is_in_the_summary() {
    let dir = tempfile::tempdir().unwrap();
    let yaml =
        "cache: {sim: true}\nbypass:\n  sim: {bypass: true, tags: ['s', 'never']}\n  zero: true\n";
    let chia = start(&SIM, yaml, dir.path()).await;
    chia.replay(&ZERO).unwrap();
    call(&chia, 1, "").await;
    let summary = chia.summary();
    let text = summary.to_string();
    assert_eq!(text.matches("no effect: ").count(), 2, "{text}");
    assert!(text.contains("`never`") && text.contains("`zero`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r31_a_strict_loop_fails_at_its_end_when_a_rule_had_no_effect() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "cache: {sim: true}\nbypass: {sim: {bypass: true, tags: ['s', 'never']}}\n";
    let strict = || builder_of(&SIM, yaml, dir.path()).strict(true);
    let chia = replaying(strict()).await;
    call(&chia, 1, "").await;
    let error = chia.shutdown().await.unwrap_err();
    assert_eq!(error.kind(), chia_loop::ErrorKind::Config);
    assert!(error.to_string().contains("`never`"), "{error}");
    let chia = replaying(strict()).await;
    call(&chia, 1, "").await;
    chia.call(&SIM, (1, "")).tag("never").await.unwrap();
    chia.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r32_a_forecast_looks_into_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let chia = start(&SIM, BOTH, dir.path()).await;
    call(&chia, 1, "").await;
    let calls = [("sim", Some("s")), ("sim", Some("absent")), ("even", None)];
    let answers: Vec<_> =
        chia.forecast(&calls).await.unwrap().into_iter().map(|f| f.answer).collect();
    let missing = Answer::Miss("no entry has this tag".to_owned());
    assert_eq!(answers, [Answer::Replay, missing, Answer::Run]);
    let tally = chia.summary().total();
    assert_eq!(tally.calls, 1, "nothing was dispatched");
}

#[tokio::test(flavor = "multi_thread")]
async fn r27_rules_about_parameters_that_do_not_exist_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "bypass: {sim: {bypass: true, check: true, ignore: [sead]}}\n";
    let error = builder_of(&SIM, yaml, dir.path()).start().await.unwrap_err();
    assert_eq!(error.kind(), chia_loop::ErrorKind::Config);
    assert!(error.to_string().contains("sead") && error.to_string().contains("seed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r33_the_record_hashes_arguments_as_the_cache_does() {
    let dir = tempfile::tempdir().unwrap();
    let chia = start(&SIM, BOTH, dir.path()).await;
    let map = |keys: &mut dyn Iterator<Item = u64>| -> HashMap<String, u64> {
        keys.map(|key| (format!("k{key}"), key)).collect()
    };
    chia.call(&BY_NAME, (map(&mut (0..50)),)).await.unwrap();
    chia.call(&BY_NAME, (map(&mut (0..50).rev()),)).await.unwrap();
    let record = chia.run_record().expect("the run leaves a record").to_owned();
    chia.shutdown().await.unwrap();
    let run = chia_record::Run::read(&record).unwrap();
    let hashes: Vec<_> =
        run.calls.iter().filter(|c| c.function == "by_name").map(|c| &c.args).collect();
    assert_eq!(hashes.len(), 2);
    assert_eq!(hashes[0], hashes[1], "equal maps have one hash");
}
