//! R1 to R4 and what R9 needs, one by one.

use std::fs;
use std::time::{Duration, Instant};

use chia_config::{
    Argument, BypassRule, CacheRule, Check, Config, ErrorKind, Severity, TagMatch, TagPatterns,
    bare_name,
};

fn parse(text: &str) -> Config {
    Config::parse(text, "loop.yaml", "/base").unwrap_or_else(|error| panic!("{error}"))
}

fn patterns(texts: &[&str]) -> TagPatterns {
    TagPatterns::new(texts).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn r01_booleans_and_mappings_switch_functions_on_and_off() {
    let config = parse(
        "bypass: {a: true, b: no, c: {bypass: on}, d: {bypass: false}, e: {}}\ncache: {a: yes, e: {}}",
    );
    let on = |name| config.bypass(name).map(BypassRule::enabled);
    assert_eq!(["a", "b", "c", "d", "e"].map(on), [true, false, true, false, false].map(Some));
    assert_eq!(on("unlisted"), None);
    let cached = |name| config.cache(name).map(CacheRule::enabled);
    assert_eq!((cached("a"), cached("e"), cached("b")), (Some(true), Some(false), None));
}

#[test]
fn r01_tags_are_one_pattern_or_a_list() {
    let config = parse(
        "bypass: {one: {bypass: true, tags: a}, two: {bypass: true, tags: [a, b]}, all: true}",
    );
    let texts = |name| {
        let tags = config.bypass(name).and_then(BypassRule::tags)?;
        Some(tags.patterns().iter().map(chia_config::Pattern::text).collect::<Vec<_>>())
    };
    assert_eq!(texts("one"), Some(vec!["a"]));
    assert_eq!(texts("two"), Some(vec!["a", "b"]));
    assert_eq!(texts("all"), None);
}

#[test]
fn r01_no_rules_are_no_rules() {
    for text in ["", "# nothing\n", "bypass:\ncache: ~\n", "design: boom\n"] {
        assert!(parse(text).is_empty(), "{text:?}");
    }
    assert!(Config::empty().is_empty());
    assert!(Config::empty().bypass("f").is_none());
}

#[test]
fn r02_a_near_miss_of_a_section_is_a_warning() {
    let config = parse("bypas: {f: true}\ndesign: {bypas: 1}\n");
    let [warning] = config.warnings() else {
        panic!("{:?}", config.warnings());
    };
    assert_eq!(warning.severity(), Severity::Warning);
    assert_eq!(warning.help(), Some("did you mean `bypass`?"));
    assert_eq!(warning.location().to_string(), "loop.yaml:1:1");
}

#[test]
fn r02_options_of_a_rule_that_is_off_are_a_warning() {
    let warnings = |text: &str| parse(text).warnings().len();
    assert_eq!(warnings("bypass: {f: {tags: a}}"), 1);
    assert_eq!(warnings("bypass: {f: {bypass: false, data: a}}"), 1);
    assert_eq!(warnings("cache: {f: {cache: off, tags: []}}"), 1);
    assert_eq!(
        warnings("bypass: {f: {bypass: true, tags: a, data: b}, g: {}, h: {bypass: no}}"),
        0
    );
}

#[test]
fn r02_an_empty_list_of_patterns_is_a_warning() {
    let config = parse("bypass: {f: {bypass: true, tags: []}, g: {bypass: true, tags: a}}");
    let [warning] = config.warnings() else {
        panic!("{:?}", config.warnings());
    };
    assert_eq!(warning.message(), "the rule for `f` matches no call: `tags` is empty");
    assert_eq!(warning.location().to_string(), "loop.yaml:1:34");
}

#[test]
fn r03_a_data_file_that_is_missing_is_a_warning_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("there.md"), "recorded").unwrap();
    let file = folder.path().join("loop.yaml");
    let text = "bypass:\n  f: {bypass: true, data: there.md}\n  g: {bypass: true, data: gone.md}\n  \
                h: {bypass: true, data: .}\n";
    fs::write(&file, text).unwrap();
    let config = Config::load(&file).unwrap();
    let [gone, folder] = config.warnings() else {
        panic!("{:?}", config.warnings());
    };
    assert!(gone.message().contains("gone.md"), "{gone}");
    assert_eq!((gone.location().line(), gone.location().column()), (3, 27));
    assert_eq!(folder.location().line(), 4);
    assert!(parse(text).warnings().is_empty(), "text that is no file looks at no file");
}

#[test]
fn r02_a_typo_bypasses_nothing_but_fails() {
    let error = Config::parse("bypass:\n  f: {bypass: true, tag: iter0}\n", "loop.yaml", "/base");
    let error = error.expect_err("`tag` is a typo");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let [problem] = error.diagnostics() else {
        panic!("{error}");
    };
    assert_eq!(problem.location().to_string(), "loop.yaml:2:21");
    assert_eq!(problem.help(), Some("did you mean `tags`?"));
}

#[test]
fn r02_files_that_cannot_be_read_are_errors_that_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Config::load(folder.path().join("missing.yaml")).expect_err("it is missing");
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(missing.to_string().contains("missing.yaml"));
    assert!(std::error::Error::source(&missing).is_some());

    let binary = folder.path().join("binary.yaml");
    fs::write(&binary, b"bypass:\n  f: \xff\n").unwrap();
    let error = Config::load(&binary).expect_err("it is not text");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let place = error.diagnostics()[0].location();
    assert_eq!((place.line(), place.column()), (2, 6));
}

#[test]
fn r03_data_paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loop.yaml");
    fs::write(
        &file,
        "bypass: {f: {bypass: true, data: perf.md}, g: {bypass: true, data: /abs.md}}",
    )
    .unwrap();
    let config = Config::load(&file).unwrap();
    let data = |name| config.bypass(name).and_then(BypassRule::data).map(ToOwned::to_owned);
    assert_eq!(data("f"), Some(folder.path().join("perf.md")));
    assert_eq!(data("g"), Some("/abs.md".into()));
}

#[test]
fn r03_unknown_names_are_warnings_with_the_nearest_name() {
    let config = parse(
        "bypass:\n  simple_ad: true\n  run: true\n  Type.method: true\n  zzz: true\ncache:\n  simple_add: true\n",
    );
    let warnings = config.check_names(["simple_add", "Simulator.run", "Type.method"]);
    let said: Vec<_> =
        warnings.iter().map(|w| (w.location().line(), w.message(), w.help())).collect();
    let expected = [
        (2, "no registered function is called `simple_ad`", Some("did you mean `simple_add`?")),
        (5, "no registered function is called `zzz`", None),
    ];
    assert_eq!(said, expected);
    assert!(warnings[0].to_string().contains("2 |   simple_ad: true"), "{}", warnings[0]);
}

#[test]
fn r03_only_files_of_rules_that_are_on_may_be_served() {
    let config =
        parse("bypass: {on: {bypass: true, data: a}, off: {bypass: false, data: b}, none: true}");
    let served: Vec<_> = config.data_paths().map(|(name, path)| (name, path.to_str())).collect();
    assert_eq!(served, [("on", Some("/base/a"))]);
}

#[test]
fn r27_ignored_parameters_are_those_of_both_sections() {
    let config = parse(
        "bypass: {f: {bypass: true, ignore: [seed, 9]}}\ncache: {f: {cache: true, ignore: sed}}\n",
    );
    let keys: Vec<_> = config.ignored("Sim.f").map(|a| a.key().to_string()).collect();
    assert_eq!(keys, ["seed", "9", "sed"]);
    let ignored = |position, name| config.ignored("f").any(|a| a.is(position, name));
    assert!(ignored(1, Some("seed")) && ignored(9, None));
    assert!(!ignored(1, Some("name")) && !ignored(1, None));

    let warnings = config.check_arguments("f", &[Some("name"), Some("seed")]);
    let said: Vec<_> = warnings.iter().map(|w| (w.message(), w.help())).collect();
    let expected = [
        ("`f` has no parameter 9 to ignore", Some("positions go from 1 to 2")),
        ("`f` has no parameter `sed` to ignore", Some("did you mean `seed`?")),
    ];
    assert_eq!(said, expected);
    assert_eq!(warnings[0].location().to_string(), "loop.yaml:1:43");
    let unnamed = config.check_arguments("f", &[Some("name"), None]);
    assert_eq!(unnamed.len(), 1, "an unnamed parameter may be the one: {unnamed:?}");
    assert!(config.check_arguments("g", &[]).is_empty());
}

#[test]
fn r04_patterns_match_the_whole_tag() {
    assert_eq!(patterns(&["iter0"]).matches(Some("iter0_x")), None);
    assert_eq!(patterns(&["iter0"]).matches(Some("xiter0")), None);
    assert_eq!(patterns(&["a|ab"]).matches(Some("ab")), Some(0));
    assert_eq!(patterns(&["a$"]).matches(Some("a\n")), None);
    assert_eq!(patterns(&["(?i)ITER.*"]).matches(Some("iter1")), Some(0));
    assert_eq!(patterns(&["(?x)a b # comment"]).matches(Some("ab")), Some(0));
}

#[test]
fn r04_no_tag_and_no_patterns_match_nothing() {
    assert_eq!(patterns(&[".*"]).evaluate(None), TagMatch::Untagged);
    assert_eq!(patterns(&[]).evaluate(Some("")), TagMatch::NoMatch);
    assert_eq!(patterns(&[]).evaluate(None), TagMatch::Untagged);
    assert_eq!(patterns(&[""]).evaluate(Some("")), TagMatch::Matched(0));
}

#[test]
fn r04_the_first_pattern_that_matches_is_named() {
    let patterns = patterns(&["x", "iter.*", "(?=i)iter0", "iter0"]);
    assert_eq!(patterns.matches(Some("iter0")), Some(1));
    let patterns = TagPatterns::new(["x", r"(\w)\1", r"\d+", r"\w{2}"]).unwrap();
    assert_eq!(patterns.matches(Some("aa")), Some(3), "what needs back-tracking comes last");
    assert_eq!(patterns.matches(Some("--")), None);
}

#[test]
fn r04_runaway_patterns_give_up_instead_of_hanging() {
    let patterns = patterns(&["fine", r"(?:(a+)+\1)+b"]);
    let begun = Instant::now();
    assert_eq!(patterns.evaluate(Some(&"a".repeat(60))), TagMatch::GaveUp(1));
    assert_eq!(patterns.evaluate(Some(&"a".repeat(5000))), TagMatch::GaveUp(1));
    assert_eq!(patterns.evaluate(Some("fine")), TagMatch::Matched(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn r04_bad_patterns_are_refused_by_name_when_the_rules_are_loaded() {
    for (pattern, reason) in [
        ("(", "without its"),
        (r"\p{L}", r"`\p` means nothing"),
        (r"\N{DASH}", "not supported"),
        ("(?<=a+)b", "fixed width"),
        ("a{99999}{2}", "needs parentheses"),
        ("(?:a{9999}){9999}", "too large"),
    ] {
        let error = TagPatterns::new([pattern]).expect_err(pattern);
        assert!(error.reason().contains(reason), "{error}");
        assert_eq!(error.pattern(), pattern);
    }
    assert_eq!(TagPatterns::new(["ab)"]).expect_err("unbalanced").offset(), Some(2));
}

#[test]
fn r09_rules_travel_and_keep_their_name() {
    let config = parse(
        "bypass: {f: {bypass: true, tags: [a, '(?=b)b'], data: d, check: code, ignore: [x, 2]}}\n\
         cache: {f: {cache: true, tag: auto}}\n",
    );
    let sent = serde_json::to_string(&config).unwrap();
    let received: Config = serde_json::from_str(&sent).unwrap();
    assert_eq!(received.bypass("f"), config.bypass("f"));
    assert_eq!(received.cache("f"), config.cache("f"));
    assert_eq!(received.fingerprint(), config.fingerprint());
    let tags = received.bypass("f").and_then(BypassRule::tags).expect("they travelled");
    assert_eq!(tags.matches(Some("b")), Some(1));
    assert_eq!(config.fingerprint().len(), 32);
}

#[test]
fn r09_the_same_rules_are_the_same_bytes() {
    let names: String = (0..50).map(|n| format!("  f{n}: true\n")).collect();
    let text = format!("bypass:\n{names}cache:\n{names}");
    let bytes = || serde_json::to_string(&parse(&text)).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn r09_a_fingerprint_tells_any_two_rules_apart() {
    let texts = [
        "",
        "bypass: {f: true}",
        "bypass: {f: no}",
        "bypass: {g: true}",
        " bypass: {f: true}",
        "cache: {f: true}",
        "bypass: {f: {bypass: true, tags: []}}",
        "bypass: {f: {bypass: true, tags: [a, b]}}",
        "bypass: {f: {bypass: true, tags: [a, c]}}",
        "bypass: {f: {bypass: true, tags: [ab, '']}}",
        "bypass: {f: {bypass: true, data: a}}",
        "bypass: {f: true, g: true}",
        "bypass: {f: {bypass: true, check: true}}",
        "bypass: {f: {bypass: true, check: no}}",
        "bypass: {f: {bypass: true, check: version}}",
        "bypass: {f: {bypass: true, ignore: 1}}",
        "bypass: {f: {bypass: true, ignore: a}}",
        "bypass: {f: {bypass: true, rehearse: true}}",
        "bypass: {f: {bypass: true, rehearse: {pace: 0}}}",
        "bypass: {f: {bypass: true, rehearse: {duration: 0}}}",
        "cache: {f: {cache: true, tag: auto}}",
        "cache: {f: {cache: true, ignore: a}}",
    ];
    let prints: std::collections::BTreeSet<_> =
        texts.iter().map(|t| parse(t).fingerprint()).collect();
    assert_eq!(prints.len(), texts.len());
    // Pinned: workers of another build must agree on it.
    assert_eq!(Config::empty().fingerprint(), "825eebce1cfa4cb4772a07213853728a");
}

#[test]
fn rules_built_in_code_name_their_source_line() {
    let rule = BypassRule::on().with_tags(["iter.*"]).unwrap().with_data("perf.md");
    let rule = rule.with_check(Check::EVERYTHING).with_ignored(Argument::named("seed"));
    let memo = CacheRule::on().with_auto_tag().with_ignored(Argument::at(2));
    let config = Config::builder().bypass("f", rule).cache("g", CacheRule::off());
    let config = config.cache("memo", memo).build();
    assert!(config.cache("memo").is_some_and(CacheRule::auto_tag));
    assert!(config.ignored("memo").all(|a| a.is(2, None)));
    assert_eq!(config.bypass("f").and_then(BypassRule::check), Some(Check::EVERYTHING));
    let rule = config.bypass("f").expect("it was added");
    assert!(rule.location().file().ends_with("rules.rs"));
    assert!(config.cache("g").is_some_and(|rule| !rule.enabled()));
}

#[test]
fn methods_are_found_by_their_full_name_first() {
    let config = parse("bypass: {Simulator.run: true, run: false}");
    let on = |name| config.bypass(name).map(BypassRule::enabled);
    assert_eq!(on("Simulator.run"), Some(true));
    assert_eq!(on("Other.run"), Some(false));
    assert_eq!(on("run"), Some(false));
    assert_eq!(bare_name("a.b.c"), Some("c"));
    assert_eq!(bare_name("c"), None);
}
