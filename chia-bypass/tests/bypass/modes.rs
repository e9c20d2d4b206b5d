//! Modes of a run, and calls that run again.

use std::sync::Arc;

use chia_bypass::{
    Bypass, Decision, Explanation, Gate, Mode, Outcome, Override, Reason, RunSettings,
};
use chia_config::Config;

const RULES: &str = "\
bypass:
  replayed: true
  replayed_some: {bypass: true, tags: 'iter.*'}
  provided: true
  served: {bypass: true, data: perf.md}
  asked: true
  empty: {bypass: true, tags: 'iter.*'}
  off: false
cache:
  replayed: true
  provided: {cache: false}
";

type Rules = Bypass<&'static str, &'static str>;

fn rules(settings: RunSettings) -> Rules {
    let config = Config::parse(RULES, "loop.yaml", "/base").expect("the rules are good");
    let mut bypass = Bypass::with_settings(Arc::new(config), settings);
    for function in ["replayed", "replayed_some", "asked"] {
        bypass.set_replay(function, "replay");
    }
    bypass.set_provider("provided", "provider");
    bypass.set_condition("asked", "condition");
    bypass
}

fn mode(mode: Mode) -> Rules {
    rules(RunSettings::new(mode))
}

/// The gate, the override and the outcome of a call, and whether its result is written.
fn facts(bypass: &Rules, function: &str, tag: &str) -> (Gate, Option<Override>, Outcome, bool) {
    facts_of(bypass, bypass.decide(function, Some(tag)).reason())
}

fn facts_of(bypass: &Rules, reason: &Reason<'_>) -> (Gate, Option<Override>, Outcome, bool) {
    let written = bypass.decide_write(reason).write();
    (reason.gate(), reason.overridden(), reason.outcome(), written)
}

#[test]
fn r29_auto_lets_the_rules_decide() {
    let bypass = mode(Mode::Auto);
    let is = |f| facts(&bypass, f, "iter0");
    assert_eq!(is("replayed"), (Gate::Replay, None, Outcome::Replace, true));
    assert_eq!(is("provided"), (Gate::Provider, None, Outcome::Replace, false));
    assert_eq!(is("asked"), (Gate::WouldAskCondition, None, Outcome::Ask, false));
    assert_eq!(is("empty"), (Gate::NoReplacement, None, Outcome::Run, false));
    assert_eq!(bypass.settings().mode(), Mode::Auto);
    assert_eq!(mode(Mode::Record).settings().mode(), Mode::Record);
}

#[test]
fn r29_off_replaces_and_writes_nothing() {
    let bypass = mode(Mode::Off);
    for function in ["replayed", "replayed_some", "provided", "served", "asked", "empty"] {
        let (_, overridden, outcome, written) = facts(&bypass, function, "iter0");
        assert_eq!((overridden, outcome), (Some(Override::Off), Outcome::Run), "{function}");
        assert!(!written, "{function}");
    }
    let decision = bypass.decide("unlisted", Some("iter0"));
    assert_eq!(decision.reason().overridden(), None, "the rules alone run it");
    let decision = bypass.decide("replayed", Some("iter0"));
    let write = bypass.decide_write(decision.reason());
    assert_eq!((write.reason().gate(), write.reason().outcome()), (Gate::Write, Outcome::Skip));
    assert!(!bypass.first_notice(bypass.decide("empty", Some("iter0")).reason()));
}

#[test]
fn r29_record_runs_all_that_is_listed_and_writes_it() {
    let bypass = mode(Mode::Record);
    let is = |f| facts(&bypass, f, "iter0");
    let record = Some(Override::Record);
    assert_eq!(is("replayed"), (Gate::Replay, record, Outcome::Run, true));
    assert_eq!(is("replayed_some"), (Gate::Replay, record, Outcome::Run, true));
    assert_eq!(is("served"), (Gate::Data, record, Outcome::Run, true));
    assert_eq!(is("asked"), (Gate::WouldAskCondition, record, Outcome::Run, true));
    assert_eq!(is("empty"), (Gate::NoReplacement, record, Outcome::Run, true));
    // Its `cache:` rule is off, and stays off.
    assert_eq!(is("provided"), (Gate::Provider, record, Outcome::Run, false));
    // The rules do not select these.
    assert_eq!(is("off"), (Gate::Off, None, Outcome::Run, false));
    assert_eq!(is("unlisted"), (Gate::NotListed, None, Outcome::Run, false));
    let other = facts(&bypass, "replayed_some", "other");
    assert_eq!(other, (Gate::TagNoMatch, None, Outcome::Run, false));
    assert_eq!(facts(&bypass, "empty", "other"), (Gate::TagNoMatch, None, Outcome::Run, false));
    let untagged = bypass.decide("served", None);
    assert!(!bypass.decide_write(untagged.reason()).write(), "there is no tag to write under");
}

#[test]
fn r29_replay_fails_what_it_cannot_replace() {
    let bypass = mode(Mode::Replay);
    let Decision::Fail(reason) = bypass.decide("empty", Some("iter0")) else {
        panic!("nothing can replace it");
    };
    assert_eq!(reason.outcome(), Outcome::Fail);
    let text = "`empty` [iter0] fails: the run's mode is `replay`; by the rules: bypassed, but \
                there is neither a provider nor a data file (`iter.*` at loop.yaml:7:31)";
    assert_eq!(reason.to_string(), text);
    let not_selected = bypass.decide("empty", Some("other"));
    assert!(matches!(not_selected, Decision::Run(_)), "{not_selected:?}");

    let must_hit = |decision: Decision<'_, _, _>| match decision {
        Decision::Replace(replacement) => replacement.must_hit(),
        other => panic!("{other:?}"),
    };
    assert!(must_hit(bypass.decide("replayed", Some("t"))));
    assert!(!must_hit(bypass.decide("provided", Some("t"))), "a provider always has a value");
    let Decision::Ask(pending) = bypass.decide("asked", Some("t")) else {
        panic!("the condition is asked");
    };
    assert!(must_hit(pending.resolve(true)));
    let auto = mode(Mode::Auto);
    assert!(!must_hit(auto.decide("replayed", Some("t"))));
    assert!(facts(&bypass, "replayed", "t").3, "replays are written as before");
}

#[test]
fn r29_a_condition_that_says_no_runs_the_call_in_every_mode() {
    let bypass = mode(Mode::Replay);
    let Decision::Ask(pending) = bypass.decide("asked", Some("t")) else {
        panic!("the condition is asked");
    };
    let no = pending.resolve(false);
    assert_eq!(facts_of(&bypass, no.reason()).2, Outcome::Run);
    assert_eq!((no.reason().gate(), no.reason().overridden()), (Gate::ConditionFalse, None));
}

#[test]
fn r29_refresh_runs_replays_again_and_writes_them() {
    let bypass = mode(Mode::Refresh);
    let is = |f| facts(&bypass, f, "iter0");
    let refresh = Some(Override::Refresh);
    assert_eq!(is("replayed"), (Gate::Replay, refresh, Outcome::Run, true));
    assert_eq!(is("replayed_some"), (Gate::Replay, refresh, Outcome::Run, true));
    assert_eq!(is("asked"), (Gate::WouldAskCondition, refresh, Outcome::Run, true));
    // Providers and data files are no replays.
    assert_eq!(is("provided"), (Gate::Provider, None, Outcome::Replace, false));
    assert_eq!(is("served"), (Gate::Data, None, Outcome::Replace, false));
    assert_eq!(is("empty"), (Gate::NoReplacement, None, Outcome::Run, false));
}

#[test]
fn r29_calls_that_match_the_rerun_pattern_run_again() {
    let bypass = rules(RunSettings::new(Mode::Auto).with_rerun("iter[12]").unwrap());
    let is = |f, tag| facts(&bypass, f, tag);
    assert_eq!(is("replayed", "iter1"), (Gate::Replay, Some(Override::Rerun), Outcome::Run, true));
    assert_eq!(is("replayed", "iter3"), (Gate::Replay, None, Outcome::Replace, true));
    assert_eq!(is("replayed", "iter11").1, None, "the whole tag counts");
    assert_eq!(is("provided", "iter1").1, None);
    assert_eq!(bypass.decide("replayed", None).reason().overridden(), None);
}

#[test]
fn r29_a_fresh_call_runs_again_in_every_mode_that_replays() {
    for mode in [Mode::Auto, Mode::Replay, Mode::Refresh] {
        let bypass = rules(RunSettings::new(mode));
        let fresh = |f| facts_of(&bypass, bypass.decide_fresh(f, Some("iter0")).reason());
        let expected = (Gate::Replay, Some(Override::Fresh), Outcome::Run, true);
        assert_eq!(fresh("replayed"), expected, "{mode}");
        assert_eq!(fresh("replayed_some"), expected, "{mode}: although no rule writes it");
        assert_eq!(fresh("provided").2, Outcome::Replace, "{mode}");
    }
    let off = rules(RunSettings::new(Mode::Off));
    let decision = off.decide_fresh("replayed", Some("t"));
    assert_eq!(decision.reason().overridden(), Some(Override::Off));
}

#[test]
fn r29_calls_replay_until_the_first_tag_to_run() {
    let settings = RunSettings::new(Mode::Auto).with_from("iter9_.*").unwrap();
    let bypass = rules(settings);
    let outcome = |f, tag| bypass.decide(f, tag).reason().outcome();
    assert_eq!(outcome("replayed", Some("iter8_a")), Outcome::Replace);
    assert!(!bypass.from_reached());
    // A call of any function reaches it, listed or not.
    assert_eq!(outcome("unlisted", Some("iter9_a")), Outcome::Run);
    assert!(bypass.from_reached());
    let from = Some(Override::From);
    assert_eq!(facts(&bypass, "replayed", "iter8_b"), (Gate::Replay, from, Outcome::Run, true));
    assert_eq!(outcome("replayed", None), Outcome::Run);
    assert_eq!(outcome("served", None), Outcome::Replace, "a data file is no replay");

    let bypass = rules(RunSettings::new(Mode::Auto).with_from("iter9").unwrap());
    assert_eq!(facts(&bypass, "replayed", "iter9").1, from, "the first one runs too");

    let worker = rules(RunSettings::new(Mode::Auto).with_from("iter9").unwrap());
    worker.set_from_reached();
    assert_eq!(facts(&worker, "replayed", "iter1").1, from);
}

#[test]
fn r29_a_provider_that_reads_the_cache_learns_that_its_call_runs_again() {
    let bypass = rules(RunSettings::new(Mode::Auto).with_rerun("again").unwrap());
    assert_eq!(bypass.must_rerun(Some("iter1"), false), None);
    assert_eq!(bypass.must_rerun(Some("iter1"), true), Some(Override::Fresh));
    assert!(bypass.unused().iter().any(|unused| unused.to_string().contains("`again`")));
    assert_eq!(bypass.must_rerun(Some("again"), false), Some(Override::Rerun));
    assert!(!bypass.unused().iter().any(|unused| unused.to_string().contains("`again`")));

    let bypass = rules(RunSettings::new(Mode::Auto).with_from("iter9").unwrap());
    assert_eq!(bypass.must_rerun(Some("iter9"), false), None, "the call is not decided yet");
    assert_eq!(bypass.decide("provided", Some("iter9")).reason().outcome(), Outcome::Replace);
    assert_eq!(bypass.must_rerun(Some("iter9"), false), Some(Override::From));

    let refresh = rules(RunSettings::new(Mode::Refresh));
    assert_eq!(refresh.must_rerun(None, false), Some(Override::Refresh));
    assert_eq!(rules(RunSettings::new(Mode::Replay)).must_rerun(None, false), None);
}

#[test]
fn r32_a_dry_run_follows_the_first_tag_to_run_and_leaves_no_trace() {
    let bypass = rules(RunSettings::new(Mode::Auto).with_from("iter9").unwrap());
    let calls = [("replayed", Some("iter8")), ("nope", Some("iter9")), ("replayed", Some("iter8"))];
    let outcomes: Vec<_> = bypass.dry_run(calls).iter().map(Explanation::outcome).collect();
    assert_eq!(outcomes, [Outcome::Replace, Outcome::Run, Outcome::Run]);
    assert!(!bypass.from_reached() && bypass.usage().is_empty());
}

#[test]
fn r29_every_override_is_in_the_reason() {
    let settings = RunSettings::new(Mode::Auto).with_rerun("again").unwrap();
    let bypass = rules(settings.with_from("from").unwrap());
    let say = |decision: Decision<'_, _, _>| decision.reason().to_string();
    let rest = "; by the rules: from the cache (rule at loop.yaml:2:3)";
    let again = say(bypass.decide("replayed", Some("again")));
    assert_eq!(again, format!("`replayed` [again] runs: its tag is to run again{rest}"));
    let fresh = say(bypass.decide_fresh("replayed", Some("t")));
    assert_eq!(fresh, format!("`replayed` [t] runs: the call asks for a fresh run{rest}"));
    let from = say(bypass.decide("replayed", Some("from")));
    let reached = "the run has reached the first tag to run";
    assert_eq!(from, format!("`replayed` [from] runs: {reached}{rest}"));
    let texts = [(Mode::Off, "off"), (Mode::Record, "record"), (Mode::Refresh, "refresh")];
    for (mode, name) in texts {
        let bypass = rules(RunSettings::new(mode));
        let said = say(bypass.decide("replayed", Some("t")));
        assert_eq!(said, format!("`replayed` [t] runs: the run's mode is `{name}`{rest}"));
    }
    let bypass = mode(Mode::Replay);
    let said = say(bypass.decide("replayed", Some("t")));
    assert_eq!(said, format!("`replayed` [t] is replaced: the run's mode is `replay`{rest}"));

    let bypass = mode(Mode::Off);
    let reason = bypass.decide("replayed", Some("t")).reason().explain();
    assert_eq!(serde_json::to_value(&reason).unwrap()["overridden"], "off");
    let write = bypass.decide_write(&reason.reason()).reason().to_string();
    let off = "the run's mode is `off`; by the rules: its rule is on (rule at loop.yaml:10:3)";
    assert_eq!(write, format!("`replayed` [t] is not written: {off}"));
}

#[test]
fn r29_the_environment_overrides_the_program() {
    let program = || RunSettings::new(Mode::Record).with_rerun("a").unwrap();
    let none = program().with_vars(|_| None).unwrap();
    assert_eq!(none, program());
    let empty = program().with_vars(|_| Some(String::new())).unwrap();
    assert_eq!(empty, program(), "an empty variable is an unset one");
    let vars = |name: &str| match name {
        "CHIA_MODE" => Some(" Refresh ".to_owned()),
        "CHIA_RERUN" => Some("b.*".to_owned()),
        "CHIA_FROM" => Some("c".to_owned()),
        other => panic!("{other}"),
    };
    let all = program().with_vars(vars).unwrap();
    assert_eq!(all.mode(), Mode::Refresh);
    assert_eq!(all.rerun().and_then(|p| p.matches(Some("b1"))), Some(0));
    assert_eq!(all.rerun().map(|p| p.patterns()[0].location().file()), Some("CHIA_RERUN"));
    assert_eq!(all.from().and_then(|p| p.matches(Some("c"))), Some(0));
    let sent = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<RunSettings>(&sent).unwrap(), all);
}

#[test]
fn r29_wrong_settings_are_errors_that_say_what_is_right() {
    let error = |bad: &'static str, text: &'static str| {
        let vars = |name: &str| (name == bad).then(|| text.to_owned());
        let error = RunSettings::default().with_vars(vars).expect_err(text);
        assert_eq!(error.var(), Some(bad));
        error.to_string()
    };
    assert_eq!(
        error("CHIA_MODE", "recrod"),
        "the environment variable `CHIA_MODE`: there is no mode `recrod`: the modes are `auto`, \
         `off`, `record`, `replay`, `refresh`",
    );
    assert!(error("CHIA_RERUN", "(").starts_with("the environment variable `CHIA_RERUN`: bad"));
    assert!(error("CHIA_FROM", "a**").contains("`a**`"));
    let in_code = RunSettings::default().with_from("(").expect_err("it is no pattern");
    assert_eq!(in_code.var(), None);
    assert!(in_code.to_string().starts_with("bad pattern"), "{in_code}");
    for mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
    }
}
