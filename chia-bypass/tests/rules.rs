//! The decision, rule by rule.

use std::sync::Arc;

use chia_bypass::{Bypass, Decision, Gate, Outcome, With, decide_write};
use chia_config::Config;

const RULES: &str = "\
bypass:
  plain: true
  listed_off: false
  tagged:
    bypass: true
    tags: ['iter[13]_.*', 'x|xy']
  served:
    bypass: true
    data: perf.md
cache:
  kept: true
  kept_some: {cache: true, tags: 'iter.*'}
  kept_off: {cache: false}
";

fn bypass() -> Bypass<&'static str, &'static str> {
    Bypass::new(Arc::new(Config::parse(RULES, "loop.yaml", "/base").expect("the rules are good")))
}

#[test]
fn r05_gates_are_asked_in_order() {
    let mut bypass = bypass();
    bypass.set_condition("tagged", "cond");
    let gate = |bypass: &Bypass<_, _>, f, tag| bypass.decide(f, tag).reason().gate();
    assert_eq!(gate(&bypass, "unknown", None), Gate::NotListed);
    assert_eq!(gate(&bypass, "listed_off", None), Gate::Off);
    assert_eq!(gate(&bypass, "tagged", Some("nope")), Gate::NoReplacement);
    bypass.set_provider("tagged", "provider");
    assert_eq!(gate(&bypass, "tagged", None), Gate::TagMissing);
    assert_eq!(gate(&bypass, "tagged", Some("nope")), Gate::TagNoMatch);
    assert_eq!(gate(&bypass, "tagged", Some("iter1_a")), Gate::WouldAskCondition);
    bypass.remove_condition("tagged");
    assert_eq!(gate(&bypass, "tagged", Some("iter1_a")), Gate::Provider);
    assert_eq!(gate(&bypass, "served", None), Gate::Data);
}

#[test]
fn r05_the_condition_has_the_last_word() {
    let mut bypass = bypass();
    bypass.set_provider("plain", "provider");
    bypass.set_condition("plain", "cond");
    let ask = || match bypass.decide("plain", None) {
        Decision::Ask(pending) => pending,
        other => panic!("{other:?}"),
    };
    assert_eq!(*ask().condition(), "cond");
    let no = ask().resolve(false);
    assert_eq!(no.reason().gate(), Gate::ConditionFalse);
    assert!(matches!(no, Decision::Run(_)));
    let Decision::Replace(yes) = ask().resolve(true) else {
        panic!("a condition that agrees replaces");
    };
    assert!(matches!(yes.with(), With::Provider(&"provider", None)));
}

#[test]
fn r08_says_once_that_nothing_replaces_the_call() {
    let bypass = bypass();
    let decision = bypass.decide("plain", None);
    assert_eq!(decision.reason().gate(), Gate::NoReplacement);
    assert_eq!(decision.reason().outcome(), Outcome::Run);
    assert!(bypass.first_notice(decision.reason()));
    assert!(!bypass.first_notice(decision.reason()));
    assert!(!bypass.first_notice(bypass.decide("unknown", None).reason()));
}

#[test]
fn r11_only_tagged_calls_of_listed_functions_are_written() {
    let bypass = bypass();
    let gate = |f, tag| decide_write(bypass.config(), f, tag).reason().gate();
    assert_eq!(gate("plain", Some("t")), Gate::NotListed);
    assert_eq!(gate("kept_off", Some("t")), Gate::Off);
    assert_eq!(gate("kept", None), Gate::TagMissing);
    assert_eq!(gate("kept", Some("t")), Gate::Write);
    assert_eq!(gate("kept_some", Some("t")), Gate::TagNoMatch);
    assert_eq!(gate("kept_some", Some("iter1")), Gate::Write);
    assert!(decide_write(bypass.config(), "kept", Some("t")).write());
    assert!(!decide_write(bypass.config(), "kept", None).write());
}
