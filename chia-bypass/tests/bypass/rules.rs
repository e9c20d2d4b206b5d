//! The decision, rule by rule.

use std::sync::Arc;

use chia_bypass::{Bypass, Decision, Explanation, Gate, Outcome, With, WriteDecision};
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
  cached: true
  cached_some: {cache: true, tags: 'iter.*'}
  cached_off: {cache: false}
  memo: {cache: true, tag: auto}
";

fn bypass() -> Bypass<&'static str, &'static str> {
    Bypass::new(Arc::new(Config::parse(RULES, "loop.yaml", "/base").expect("the rules are good")))
}

fn write<'a>(
    bypass: &'a Bypass<&'static str, &'static str>,
    function: &'a str,
    tag: Option<&'a str>,
) -> WriteDecision<'a> {
    bypass.decide_write(bypass.decide(function, tag).reason())
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
    let gate = |f, tag| write(&bypass, f, tag).reason().gate();
    assert_eq!(gate("plain", Some("t")), Gate::NotListed);
    assert_eq!(gate("cached_off", Some("t")), Gate::Off);
    assert_eq!(gate("cached", None), Gate::TagMissing);
    assert_eq!(gate("cached", Some("t")), Gate::Write);
    assert_eq!(gate("cached_some", Some("t")), Gate::TagNoMatch);
    assert_eq!(gate("cached_some", Some("iter1")), Gate::Write);
    assert!(write(&bypass, "cached", Some("t")).write());
    assert!(!write(&bypass, "cached", None).write());
}

#[test]
fn r30_untagged_calls_are_written_under_a_tag_made_from_their_arguments() {
    let bypass = bypass();
    let untagged = write(&bypass, "memo", None);
    assert!(untagged.write());
    assert_eq!(untagged.reason().gate(), Gate::WriteAutoTag);
    let text = "`memo` is written: under a tag made from its arguments (rule at loop.yaml:14:3)";
    assert_eq!(untagged.reason().to_string(), text);
    assert_eq!(write(&bypass, "memo", Some("t")).reason().gate(), Gate::Write);
}

#[test]
fn r10_a_dry_run_says_what_would_become_of_calls() {
    let mut bypass = bypass();
    bypass.set_provider("tagged", "provider");
    bypass.set_condition("tagged", "cond");
    let calls =
        [("tagged", Some("iter1_a")), ("tagged", Some("z")), ("served", None), ("nope", None)];
    let gates: Vec<_> = bypass.dry_run(calls).iter().map(Explanation::gate).collect();
    assert_eq!(gates, [Gate::WouldAskCondition, Gate::TagNoMatch, Gate::Data, Gate::NotListed]);
}

#[test]
fn r10_reasons_name_the_gate_the_rule_and_the_pattern() {
    let mut bypass = bypass();
    bypass.set_provider("tagged", "provider");
    let decision = bypass.decide("tagged", Some("xy"));
    let text = "`tagged` [xy] is replaced: by its provider (`x|xy` at loop.yaml:6:27)";
    assert_eq!(decision.reason().to_string(), text);
    let machine = serde_json::to_value(decision.reason()).unwrap();
    let expected = serde_json::json!({
        "section": "bypass",
        "gate": "provider",
        "overridden": null,
        "function": "tagged",
        "tag": "xy",
        "rule": {"file": "loop.yaml", "line": 4, "column": 3},
        "pattern": {"text": "x|xy", "location": {"file": "loop.yaml", "line": 6, "column": 27}},
    });
    assert_eq!(machine, expected);
    let cached = decision.reason().explain();
    assert_eq!(serde_json::to_value(&cached).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Explanation>(expected).unwrap(), cached);
    assert_eq!(cached.to_string(), text);
}

#[test]
fn r10_every_reason_reads_well() {
    let mut bypass = bypass();
    let say = |bypass: &Bypass<_, _>, f, tag| bypass.decide(f, tag).reason().to_string();
    assert_eq!(say(&bypass, "nope", None), "`nope` runs: not listed under `bypass:`");
    let off = "`listed_off` runs: its `bypass:` rule is off (rule at loop.yaml:3:3)";
    assert_eq!(say(&bypass, "listed_off", None), off);
    let nothing = "`plain` runs: bypassed, but there is neither a provider nor a data file (rule at loop.yaml:2:3)";
    assert_eq!(say(&bypass, "plain", None), nothing);
    bypass.set_provider("tagged", "provider");
    let untagged = "`tagged` runs: the call has no tag (rule at loop.yaml:4:3)";
    assert_eq!(say(&bypass, "tagged", None), untagged);
    let unmatched = "`tagged` [a\\nb] runs: no pattern matches its tag (rule at loop.yaml:4:3)";
    assert_eq!(say(&bypass, "tagged", Some("a\nb")), unmatched);
    let skipped = write(&bypass, "cached", None).reason().to_string();
    assert_eq!(skipped, "`cached` is not written: the call has no tag (rule at loop.yaml:11:3)");
}

#[test]
fn r05_what_is_removed_is_returned_and_has_no_say() {
    let mut bypass = bypass();
    assert_eq!(bypass.set_provider("plain", "first"), None);
    assert_eq!(bypass.set_provider("plain", "second"), Some("first"));
    assert_eq!(bypass.set_replay("plain", "replay"), Some("second"));
    assert_eq!(bypass.set_condition("plain", "first"), None);
    assert_eq!(bypass.set_condition("plain", "second"), Some("first"));
    assert_eq!(bypass.remove_condition("plain"), Some("second"));
    assert_eq!(bypass.decide("plain", None).reason().gate(), Gate::Replay);
    assert_eq!(bypass.remove_provider("plain"), Some("replay"));
    assert_eq!(bypass.decide("plain", None).reason().gate(), Gate::NoReplacement);
    assert_eq!((bypass.remove_provider("plain"), bypass.remove_condition("nope")), (None, None));
}

#[test]
fn r05_a_rehearsal_stands_between_providers_and_replays() {
    let text = "bypass: {f: {bypass: true, rehearse: {pace: 0.5}, tags: 't|u'}}\ncache: {f: true}";
    let config = Config::parse(text, "loop.yaml", "/").unwrap();
    let mut bypass: Bypass<&str, &str> = Bypass::new(Arc::new(config));
    let rehearsed = |bypass: &Bypass<_, _>| match bypass.decide("f", Some("t")) {
        Decision::Replace(replacement) => match replacement.with() {
            With::Rehearsal(rehearsal) => {
                let write = bypass.decide_write(replacement.reason());
                assert_eq!(write.reason().gate(), Gate::Rehearsal);
                assert!(!write.write(), "it computes nothing that could be written");
                Some(rehearsal.pace())
            }
            _ => None,
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(rehearsed(&bypass), Some(0.5), "alone");
    bypass.set_replay("f", "replay");
    assert_eq!(rehearsed(&bypass), Some(0.5), "it serves what a replay would");
    let unused: Vec<_> = bypass.unused().iter().map(ToString::to_string).collect();
    let pattern = "the pattern `t|u`";
    assert!(unused.iter().all(|line| line.starts_with(pattern)), "{unused:?}");
    bypass.set_provider("f", "provider");
    assert_eq!(rehearsed(&bypass), None);
    bypass.remove_provider("f");
    bypass.set_condition("f", "condition");
    let Decision::Ask(pending) = bypass.decide("f", Some("t")) else {
        panic!("the condition is asked");
    };
    assert_eq!(pending.data(), None);
    let agreed = pending.resolve(true);
    assert_eq!(
        agreed.reason().to_string(),
        "`f` [t] is replaced: by a rehearsal (`t|u` at loop.yaml:1:57)"
    );
    assert!(bypass.decide("f", Some("x")).reason().gate() == Gate::TagNoMatch);
}

#[test]
fn r31_a_rehearsal_that_a_provider_hides_is_reported() {
    let config = Config::parse("bypass: {f: {bypass: true, rehearse: true}}", "l.yaml", "/");
    let mut bypass: Bypass<(), ()> = Bypass::new(Arc::new(config.unwrap()));
    bypass.set_provider("f", ());
    let _ = bypass.decide("f", None);
    let unused: Vec<_> = bypass.unused().iter().map(ToString::to_string).collect();
    assert_eq!(unused, ["the rehearsal of `f` replaced no call (l.yaml:1:10)"]);
}

#[test]
fn r05_a_provider_of_a_method_is_found_by_either_name() {
    let config = Config::parse("bypass: {Sim.run: true, step: true}", "loop.yaml", "/").unwrap();
    let mut bypass: Bypass<u8, u8> = Bypass::new(Arc::new(config));
    bypass.set_provider("run", 1);
    bypass.set_provider("Sim.step", 2);
    let provider = |f| match bypass.decide(f, None) {
        Decision::Replace(replacement) => match replacement.with() {
            With::Provider(provider, _) => Some(*provider),
            With::Data(_) | With::Rehearsal(_) => None,
        },
        _ => None,
    };
    assert_eq!((provider("Sim.run"), provider("Sim.step")), (Some(1), Some(2)));
    assert_eq!((provider("Other.run"), provider("Other.step")), (None, None));
}

#[test]
fn r01_a_configuration_without_rules_that_are_on_is_not_active() {
    let active = |text| {
        let config = Config::parse(text, "loop.yaml", "/").expect("the rules are good");
        Bypass::<(), ()>::new(Arc::new(config)).is_active()
    };
    assert!(!active(""));
    assert!(!active("bypass: {f: false}\ncache: {f: true}"));
    assert!(active("bypass: {f: true}"));
}

#[test]
fn r04_a_pattern_that_gives_up_runs_the_call_and_is_named() {
    let text = "bypass: {f: {bypass: true, tags: '(?:(a+)+\\1)+b', data: d}}";
    let config = Config::parse(text, "loop.yaml", "/").unwrap();
    let bypass: Bypass<(), ()> = Bypass::new(Arc::new(config));
    let tag = "a".repeat(60);
    let decision = bypass.decide("f", Some(&tag));
    assert_eq!(decision.reason().gate(), Gate::PatternGaveUp);
    assert_eq!(decision.reason().outcome(), Outcome::Run);
    assert_eq!(decision.reason().pattern().map(chia_config::Pattern::text), Some("(?:(a+)+\\1)+b"));
}
