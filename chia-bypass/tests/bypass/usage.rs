//! What had no effect in a run, and what would have one.

use std::sync::Arc;

use chia_bypass::{Answer, Bypass, CacheLook, Decision, Mode, Part, RunSettings, Section, Usage};
use chia_config::Config;

const RULES: &str = "\
bypass:
  met: {bypass: true, tags: [one, two, 'o.*']}
  unmet: {bypass: true, tags: x}
  served: {bypass: true, data: perf.md}
  off: false
cache:
  met: {cache: true, tags: [one, itr.*]}
  unmet: true
";

type Rules = Bypass<&'static str, &'static str>;

fn rules(settings: RunSettings) -> Rules {
    let config = Config::parse(RULES, "loop.yaml", "/base").expect("the rules are good");
    let mut bypass = Bypass::with_settings(Arc::new(config), settings);
    bypass.set_replay("met", "replay");
    bypass.set_provider("unmet", "provider");
    bypass.set_provider("stray", "provider");
    bypass.set_condition("met", "condition");
    bypass.set_condition("off", "condition");
    bypass
}

fn call(bypass: &Rules, function: &str, tag: &str, answer: bool) {
    let decision = match bypass.decide(function, Some(tag)) {
        Decision::Ask(pending) => pending.resolve(answer),
        decided => decided,
    };
    bypass.decide_write(decision.reason()).write();
}

fn lines(bypass: &Rules) -> Vec<String> {
    bypass.unused().iter().map(ToString::to_string).collect()
}

#[test]
fn r31_a_run_reports_what_had_no_effect() {
    let bypass = rules(RunSettings::default());
    call(&bypass, "met", "one", true);
    call(&bypass, "met", "iter1", true);
    call(&bypass, "served", "t", true);
    let expected = [
        "the pattern `two` for `met` under `bypass:` matched no call (loop.yaml:2:35): no pattern \
         matched the tag `iter1`",
        "the pattern `o.*` for `met` under `bypass:` matched no call (loop.yaml:2:40): no pattern \
         matched the tag `iter1`",
        "no call met the `bypass:` rule for `unmet` (loop.yaml:3:3)",
        "the pattern `itr.*` for `met` under `cache:` matched no call (loop.yaml:7:34): no \
         pattern matched the tag `iter1`",
        "no call met the `cache:` rule for `unmet` (loop.yaml:8:3)",
        "the provider of `stray` replaced no call: no `bypass:` rule for `stray` is on",
        "the condition of `off` was never asked: no `bypass:` rule for `off` is on",
    ];
    assert_eq!(lines(&bypass), expected);
    let report = bypass.unused();
    assert_eq!(report[2].part, Part::Rule(Section::Bypass, "unmet".into()));
    let sent = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Vec<chia_bypass::Unused>>(&sent).unwrap(), report);
}

#[test]
fn r31_a_pattern_behind_another_that_matches_all_of_its_tags_has_no_effect() {
    let bypass = rules(RunSettings::default());
    call(&bypass, "met", "one", true);
    let line = &lines(&bypass)[1];
    assert!(line.ends_with("an earlier pattern may match all of its tags"), "{line}");
}

#[test]
fn r31_a_replacement_is_used_when_the_condition_agrees() {
    let bypass = rules(RunSettings::default());
    call(&bypass, "met", "one", false);
    assert!(lines(&bypass).contains(&"the provider of `met` replaced no call".to_owned()));
    assert!(!lines(&bypass).contains(&"the condition of `met` was never asked".to_owned()));
    call(&bypass, "met", "one", true);
    assert!(!lines(&bypass).contains(&"the provider of `met` replaced no call".to_owned()));
}

#[test]
fn r31_an_unused_data_file_is_reported() {
    let text = "bypass: {f: {bypass: true, data: d, tags: a}}";
    let config = Config::parse(text, "loop.yaml", "/").unwrap();
    let mut bypass: Bypass<(), ()> = Bypass::new(Arc::new(config));
    let _ = bypass.decide("f", Some("b"));
    let unused =
        |bypass: &Bypass<(), ()>| bypass.unused().into_iter().map(|u| u.part).collect::<Vec<_>>();
    let pattern = Part::Pattern(Section::Bypass, "f".into(), 0);
    // The data file is reported at its rule, before the pattern.
    assert_eq!(unused(&bypass), [Part::Data("f".into()), pattern]);
    let _ = bypass.decide("f", Some("a"));
    assert!(unused(&bypass).is_empty());
    bypass.set_provider("f", ());
    assert_eq!(unused(&bypass), [Part::Provider("f".into())]);
}

#[test]
fn r31_patterns_of_the_run_that_match_nothing_are_reported() {
    let settings = || {
        let settings = RunSettings::new(Mode::Auto).with_rerun("again").unwrap();
        settings.with_from("from").unwrap()
    };
    let text = |bypass: &Rules| {
        let unused = bypass.unused().into_iter();
        unused.filter(|u| matches!(u.part, Part::Rerun | Part::From)).map(|u| u.message).collect()
    };
    let bypass = rules(settings());
    let said: Vec<String> = text(&bypass);
    let expected = [
        "the tag to run again, `again`, matched no call that would be replayed",
        "the tag to start from, `from`, matched no call",
    ];
    assert_eq!(said, expected);
    call(&bypass, "unlisted", "again", true);
    assert_eq!(text(&bypass).len(), 2, "nothing would have replayed it");
    let config = Config::parse("bypass: {f: true}", "l.yaml", "/").unwrap();
    let mut bypass: Rules = Bypass::with_settings(Arc::new(config), settings());
    bypass.set_replay("f", "replay");
    call(&bypass, "f", "again", true);
    call(&bypass, "f", "from", true);
    assert_eq!(text(&bypass), Vec::<String>::new());
}

#[test]
fn r31_modes_that_replace_nothing_report_no_replacements() {
    assert!(rules(RunSettings::new(Mode::Off)).unused().is_empty());
    let record = rules(RunSettings::new(Mode::Record)).unused();
    assert!(record.iter().all(|u| matches!(u.part, Part::Rule(..))), "{record:?}");
    assert_eq!(record.len(), 5);
}

#[test]
fn r31_usage_of_workers_counts() {
    let (driver, worker) = (rules(RunSettings::default()), rules(RunSettings::default()));
    call(&worker, "met", "one", true);
    call(&worker, "unmet", "x", true);
    call(&worker, "served", "x", true);
    let sent = serde_json::to_string(&worker.usage()).unwrap();
    let usage: Usage = serde_json::from_str(&sent).unwrap();
    assert!(driver.usage().is_empty() && !usage.is_empty());
    driver.add_usage(&usage);
    assert_eq!(driver.usage(), usage);
    assert_eq!(driver.unused().len(), worker.unused().len());
}

#[test]
fn r31_usage_of_other_rules_is_ignored() {
    let other = "bypass: {f: {bypass: true, tags: [a, b, c, z]}, g: true}\ncache: {h: true}";
    let config = Config::parse(other, "other.yaml", "/").unwrap();
    let settings = RunSettings::new(Mode::Auto).with_from("z").unwrap();
    let mut bypass: Rules = Bypass::with_settings(Arc::new(config), settings);
    bypass.set_provider("f", "provider");
    call(&bypass, "f", "z", true);
    call(&bypass, "h", "z", true);
    let plain = rules(RunSettings::default());
    plain.add_usage(&bypass.usage());
    let expected: Vec<_> = plain.usage().parts().cloned().collect();
    assert_eq!(expected, [Part::From]);
}

#[test]
fn r32_a_forecast_looks_into_the_cache() {
    let text = "bypass: {f: true, g: true, h: true, i: true, m: true}\ncache: {m: {cache: true, \
                tag: auto}}";
    let build = |mode| {
        let settings = RunSettings::new(mode);
        let mut bypass: Rules = Bypass::with_settings(Arc::new(config_of(text)), settings);
        bypass.set_replay("f", "replay");
        bypass.set_replay("m", "replay");
        bypass.set_provider("g", "provider");
        bypass.set_replay("i", "replay");
        bypass.set_condition("i", "condition");
        bypass
    };
    let calls = [
        ("f", Some("hit")),
        ("f", Some("gone")),
        ("f", None),
        ("m", None),
        ("g", Some("hit")),
        ("h", Some("hit")),
        ("i", Some("hit")),
        ("nope", None),
    ];
    let mut asked = Vec::new();
    let mut look = |function: &str, tag: &str| {
        asked.push(format!("{function} {tag}"));
        match tag {
            "hit" => CacheLook::Hit,
            _ => CacheLook::Miss("it was evicted".to_owned()),
        }
    };
    let answers = |bypass: &Rules, look: &mut dyn FnMut(&str, &str) -> CacheLook| {
        let forecasts = bypass.forecast(calls, look);
        forecasts.into_iter().map(|forecast| forecast.answer).collect::<Vec<_>>()
    };
    let auto = answers(&build(Mode::Auto), &mut look);
    let miss = |why: &str| Answer::Miss(why.to_owned());
    let expected = [
        Answer::Replay,
        miss("it was evicted"),
        miss("the call has no tag"),
        miss("its tag is made from its arguments, which a dry run does not see"),
        Answer::Replace,
        Answer::Run,
        Answer::AskCondition,
        Answer::Run,
    ];
    assert_eq!(auto, expected);
    let replay = answers(&build(Mode::Replay), &mut look);
    assert_eq!(replay[..5], expected[..5]);
    assert_eq!(replay[5], Answer::Fail);
    let record = answers(&build(Mode::Record), &mut look);
    assert!(record.iter().all(|answer| *answer == Answer::Run), "{record:?}");
    assert_eq!(asked, ["f hit", "f gone", "f hit", "f gone"]);
}

fn config_of(text: &str) -> Config {
    Config::parse(text, "loop.yaml", "/").expect("the rules are good")
}
