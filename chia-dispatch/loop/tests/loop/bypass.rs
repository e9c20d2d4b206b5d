//! Replaced calls.

use chia_loop::rules::Gate;
use chia_loop::{Chia, Condition, ErrorKind, Shown, Site, Source};

use crate::program::{
    ADD, CAPTURED, FORTY_TWO, FRESH, SIMULATE, SMALL, cached, registry, with_rules,
};

const RULES: &str = "bypass:\n  add:\n    bypass: true\n    tags: ['iter0_.*']\n  fresh: true\n";

#[tokio::test(flavor = "multi_thread")]
async fn r05_the_provider_stands_in_where_the_tag_matches() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    assert_eq!(chia.call(&ADD, (1, 2)).tag("iter0_call1").await.unwrap(), 42);
    assert_eq!(chia.call(&ADD, (1, 2)).tag("iter1_call1").await.unwrap(), 3);
    assert_eq!(chia.call(&ADD, (1, 2)).await.unwrap(), 3, "an untagged call never matches");
}

#[tokio::test(flavor = "multi_thread")]
async fn r05_the_condition_is_the_last_gate_and_sees_the_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    chia.set_condition(&ADD, &SMALL).unwrap();
    assert_eq!(chia.call(&ADD, (1, 2)).tag("iter0_a").await.unwrap(), 42);
    assert_eq!(chia.call(&ADD, (10, 20)).tag("iter0_b").await.unwrap(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn r05_a_pending_argument_is_shown_as_pending_and_an_error_fails_the_call() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    chia.set_condition(&ADD, &SMALL).unwrap();
    let pending = chia.call(&ADD, (1, 2)).dispatch().await.unwrap();
    let error = chia.call(&ADD, (&pending, 2)).tag("iter0_a").dispatch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert!(error.message().contains("small"), "{error}");
    assert_eq!(chia.summary().functions["add"].failed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn r06_the_provider_runs_on_the_worker_with_the_options_of_the_real_call() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    let handle = chia.call(&ADD, (1, 2)).tag("iter0_x").dispatch().await.unwrap();
    handle.get().await.unwrap();
    let outcome = handle.outcome().unwrap();
    assert_eq!(outcome.source, Source::Provider);
    assert_eq!(outcome.node, "head");
    let call = chia.call(&ADD, (1, 2)).tag("iter0_x").resource("adder", 9.0);
    assert_eq!(call.dispatch().await.unwrap_err().kind(), ErrorKind::Infeasible);
}

#[tokio::test(flavor = "multi_thread")]
async fn r06_a_provider_gets_its_capture() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    chia.set_provider_with(&FRESH, &CAPTURED, &7_u64).unwrap();
    assert_eq!(chia.call(&FRESH, (0,)).tag("t").await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn r06_what_another_language_computes_is_replaced_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let rules =
        "bypass:\n  simulate:\n    bypass: true\n    tags: ['iter0']\ncache:\n  simulate: true\n";
    let chia = cached(rules, dir.path()).await;
    chia.set_provider_with(&SIMULATE, &CAPTURED, &7_u64).unwrap();
    assert_eq!(chia.call(&SIMULATE, (0,)).tag("iter0").await.unwrap(), 7);
    let error = chia.call(&SIMULATE, (0,)).tag("iter1").await.unwrap_err();
    assert_eq!((error.kind(), error.function()), (ErrorKind::Unsupported, Some("simulate")));
    assert!(error.message().contains("steps:simulate"), "{error}");
    let kept = chia.cache().unwrap().facts("iter0").await.unwrap().unwrap();
    assert_eq!(kept.function.as_deref(), Some("simulate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_other_types_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    let error = chia.set_provider_named("add", "captured", bytes::Bytes::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRegistered);
    assert!(error.message().contains("captured") && error.message().contains("add"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r08_a_bypass_without_replacement_runs_and_is_an_error_under_strict() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    assert_eq!(chia.call(&ADD, (1, 2)).tag("iter0_x").await.unwrap(), 3);
    let chia = with_rules(RULES, dir.path()).strict(true).start().await.unwrap();
    for time in ["first", "second"] {
        let error = chia.call(&ADD, (1, 2)).tag("iter0_x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "the {time} time");
        assert!(error.message().contains("neither a provider nor a data file"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r10_decisions_are_explained_without_dispatching() {
    let dir = tempfile::tempdir().unwrap();
    let chia = with_rules(RULES, dir.path()).start().await.unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    chia.set_condition(&ADD, &SMALL).unwrap();
    let calls = [("add", Some("iter0_1")), ("add", Some("x")), ("describe", None)];
    let reasons = chia.dry_run(&calls);
    let gates: Vec<Gate> = reasons.iter().map(chia_loop::rules::Explanation::gate).collect();
    assert_eq!(gates, [Gate::WouldAskCondition, Gate::TagNoMatch, Gate::NotListed]);
    assert_eq!(chia.summary().total().calls, 0);
    assert!(reasons[0].to_string().contains("rules.yaml:4"), "{}", reasons[0]);
}

static PANICS: Condition<(i64, i64)> =
    Condition::new("panics", &|_: Site, _: (Shown<i64>, Shown<i64>)| -> bool { panic!("no idea") });

#[tokio::test(flavor = "multi_thread")]
async fn r05_a_condition_that_panics_fails_its_call_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = chia_config::Config::parse(RULES, "rules.yaml", dir.path()).unwrap();
    let registry = registry().condition(&PANICS);
    let chia = Chia::builder(registry).config(config).start().await.unwrap();
    chia.set_provider(&FRESH, &CAPTURED).unwrap();
    chia.set_provider(&ADD, &FORTY_TWO).unwrap();
    chia.set_condition(&ADD, &PANICS).unwrap();
    let call = chia.call(&ADD, (1, 2)).tag("iter0_x").resource("adder", 0.0);
    let error = call.dispatch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert!(error.message().contains("panics"), "{error}");
    assert_eq!(chia.summary().functions["add"].failed, 1);
}
