//! Fingerprints, fact by fact.

use chia_bypass::{
    ArgumentPrint, Comparison, Difference, Digest, Fingerprint, Freshness, MAX_VALUE_CHARS,
    auto_tag,
};
use chia_config::{Argument, Check};
use proptest::prelude::*;

fn argument(name: &str, value: &str) -> ArgumentPrint {
    let print = ArgumentPrint::of(value.as_bytes()).with_value(value);
    if name.is_empty() { print } else { print.named(name) }
}

fn call(arguments: &[(&str, &str)]) -> Fingerprint {
    let arguments = arguments.iter().map(|(name, value)| argument(name, value)).collect();
    Fingerprint { arguments, ..Fingerprint::default() }
}

fn compare(ignored: &[Argument], was: &Fingerprint, is: &Fingerprint) -> String {
    Comparison::new(Check::NOTHING, ignored).compare(Some(was), is).to_string()
}

#[test]
fn r27_a_difference_names_the_argument_and_both_values() {
    let (was, is) =
        (call(&[("m", "adder"), ("seed", "3")]), call(&[("m", "adder"), ("seed", "4")]));
    assert_eq!(compare(&[], &was, &is), "argument 2 `seed` was 3, is 4");
    let (was, is) = (call(&[("", "1"), ("", "2")]), call(&[("", "9"), ("", "8")]));
    assert_eq!(compare(&[], &was, &is), "argument 1 was 1, is 9; argument 2 was 2, is 8");
    assert_eq!(compare(&[], &was, &was), "nothing differs");
    let control = call(&[("n\u{1b}", "a\u{1b}[31m")]);
    let text = compare(&[], &call(&[("n\u{1b}", "b")]), &control);
    assert_eq!(text, "argument 1 `n\\u{1b}` was b, is a\u{fffd}[31m");
}

#[test]
fn r27_values_that_are_long_or_read_alike_are_named_by_hash_and_size() {
    let long = |c: char| c.to_string().repeat(MAX_VALUE_CHARS + 1);
    assert_eq!(
        argument("", &"é".repeat(MAX_VALUE_CHARS)).value.map(|v| v.chars().count()),
        Some(64)
    );
    let (was, is) = (call(&[("x", &long('a'))]), call(&[("x", "short")]));
    assert_eq!(was.arguments[0].value, None);
    let expected = format!(
        "argument 1 `x` was {} (65 bytes), is {} (5 bytes)",
        Digest::of(long('a').as_bytes()),
        Digest::of(b"short"),
    );
    assert_eq!(compare(&[], &was, &is), expected);
    let print = |bytes: &[u8]| ArgumentPrint::of(bytes).with_value("<object>");
    let was = Fingerprint { arguments: vec![print(b"a")], ..Fingerprint::default() };
    let is = Fingerprint { arguments: vec![print(b"b")], ..Fingerprint::default() };
    assert!(compare(&[], &was, &is).contains(&Digest::of(b"a").to_string()));
}

#[test]
fn r27_the_size_counts_beside_the_hash() {
    let mut other = call(&[("x", "1")]);
    other.arguments[0].len += 1;
    assert_ne!(compare(&[], &call(&[("x", "1")]), &other), "nothing differs");
}

#[test]
fn r27_arguments_are_paired_by_name_then_by_position() {
    let was = call(&[("", "m"), ("a", "1"), ("b", "2")]);
    assert_eq!(compare(&[], &was, &call(&[("", "m"), ("b", "2"), ("a", "1")])), "nothing differs");
    let is = call(&[("", "m"), ("b", "3"), ("a", "1")]);
    assert_eq!(compare(&[], &was, &is), "argument 2 `b` was 2, is 3");
    // A parameter that was renamed is the same argument.
    assert_eq!(compare(&[], &was, &call(&[("", "m"), ("z", "1"), ("b", "2")])), "nothing differs");
    // A name that is known on one side only.
    assert_eq!(compare(&[], &was, &call(&[("", "m"), ("", "1"), ("", "2")])), "nothing differs");
}

#[test]
fn r27_arguments_that_come_and_go_are_differences() {
    let (short, long) = (call(&[("a", "1")]), call(&[("a", "1"), ("b", "2")]));
    assert_eq!(compare(&[], &short, &long), "argument 2 `b` is new: 2");
    assert_eq!(compare(&[], &long, &short), "argument 2 `b` is gone, was 2");
    let swapped = call(&[("b", "2")]);
    assert_eq!(compare(&[], &long, &swapped), "argument 1 `a` is gone, was 1");
}

#[test]
fn r27_ignored_arguments_do_not_count() {
    let (was, is) = (call(&[("a", "1"), ("b", "2")]), call(&[("a", "8"), ("b", "9")]));
    let by_name = compare(&[Argument::named("a")], &was, &is);
    assert_eq!(by_name, "argument 2 `b` was 2, is 9");
    assert_eq!(compare(&[Argument::at(2)], &was, &is), "argument 1 `a` was 1, is 8");
    assert_eq!(compare(&[Argument::at(2), Argument::named("a")], &was, &is), "nothing differs");
    let longer = call(&[("a", "1"), ("b", "2"), ("log", "x")]);
    let log = [Argument::named("log")];
    assert_eq!(compare(&log, &was, &longer), "nothing differs");
    assert_eq!(compare(&log, &longer, &was), "nothing differs");
}

#[test]
fn r27_versions_and_code_are_compared() {
    let version = |version: Option<&str>| Fingerprint {
        version: version.map(str::to_owned),
        ..Fingerprint::default()
    };
    let text = compare(&[], &version(Some("2")), &version(Some("3")));
    assert_eq!(text, "the version was `2`, is `3`");
    assert_eq!(compare(&[], &version(None), &version(Some("3"))), "the version was none, is `3`");

    let code =
        |code: Option<&[u8]>| Fingerprint { code: code.map(Digest::of), ..Fingerprint::default() };
    assert_eq!(compare(&[], &code(Some(b"a")), &code(Some(b"b"))), "its code has changed");
    assert_eq!(compare(&[], &code(Some(b"a")), &code(Some(b"a"))), "nothing differs");
    // A Rust loop reads what a Python loop wrote, and the other way round.
    assert_eq!(compare(&[], &code(Some(b"a")), &code(None)), "nothing differs");
    assert_eq!(compare(&[], &code(None), &code(Some(b"a"))), "nothing differs");
    let check = Comparison::new(Check { code: true, ..Check::NOTHING }, []);
    let freshness = check.compare(Some(&code(None)), &code(Some(b"a")));
    assert_eq!(freshness.to_string(), "its code was not recorded");
    assert!(check.forbids(&freshness));
}

#[test]
fn r27_only_what_is_checked_forbids_a_replay() {
    let was = call(&[("a", "1")]);
    let changes = [
        call(&[("a", "2")]),
        call(&[("a", "1"), ("b", "2")]),
        call(&[]),
        Fingerprint { version: Some("2".into()), ..was.clone() },
        Fingerprint { code: Some(Digest(1)), ..was.clone() },
    ];
    let was = Fingerprint { code: Some(Digest(0)), ..was };
    let forbidden = |check: Check| {
        let comparison = Comparison::new(check, []);
        changes.each_ref().map(|is| {
            let is = Fingerprint { code: is.code.or(was.code), ..is.clone() };
            let freshness = comparison.compare(Some(&was), &is);
            assert!(matches!(freshness, Freshness::Stale(_)), "{freshness}");
            comparison.forbids(&freshness)
        })
    };
    assert_eq!(forbidden(Check::NOTHING), [false; 5]);
    assert_eq!(forbidden(Check::EVERYTHING), [true; 5]);
    let only = |arguments, version, code| forbidden(Check { arguments, version, code });
    assert_eq!(only(true, false, false), [true, true, true, false, false]);
    assert_eq!(only(false, true, false), [false, false, false, true, false]);
    assert_eq!(only(false, false, true), [false, false, false, false, true]);
    let same = Comparison::new(Check::EVERYTHING, []);
    assert!(!same.forbids(&same.compare(Some(&was), &was)));
}

#[test]
fn r27_a_record_without_a_fingerprint_is_served_only_unchecked() {
    let unknown = Comparison::default().compare(None, &call(&[]));
    assert_eq!(unknown, Freshness::Unknown);
    assert!(!Comparison::new(Check::NOTHING, []).forbids(&unknown));
    assert!(Comparison::new(Check { version: true, ..Check::NOTHING }, []).forbids(&unknown));
    assert_eq!(unknown.to_string(), "the recorded result has no fingerprint");
}

#[test]
fn r26_fingerprints_and_differences_are_stored_and_read_back() {
    let code = Some(Digest(u128::MAX));
    let print = Fingerprint { version: Some("3".into()), code, ..call(&[("a", "1"), ("", "2")]) };
    let json = serde_json::to_value(&print).unwrap();
    assert_eq!(json["code"], "f".repeat(32));
    assert_eq!(json["arguments"][0]["name"], "a");
    assert_eq!(serde_json::from_value::<Fingerprint>(json).unwrap(), print);
    let bytes = postcard::to_stdvec(&print).unwrap();
    assert_eq!(postcard::from_bytes::<Fingerprint>(&bytes).unwrap(), print);
    assert!(bytes.len() < 100, "{} bytes", bytes.len());

    let stale = Comparison::default().compare(Some(&call(&[("a", "1")])), &print);
    let json = serde_json::to_string(&stale).unwrap();
    assert_eq!(serde_json::from_str::<Freshness>(&json).unwrap(), stale);
    let Freshness::Stale(differences) = &stale else {
        panic!("{stale}");
    };
    assert!(matches!(differences[0], Difference::NewArgument { position: 2, .. }));
    let bytes = postcard::to_stdvec(&stale).unwrap();
    assert_eq!(postcard::from_bytes::<Freshness>(&bytes).unwrap(), stale);
}

#[test]
fn r26_a_digest_is_read_only_from_its_own_text() {
    let digest = Digest::of(b"x");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    for text in ["", "12", "+0000000000000000000000000000001", &"g".repeat(32), &"0".repeat(33)] {
        assert!(text.parse::<Digest>().is_err(), "{text}");
        let error = serde_json::from_value::<Digest>(text.into()).expect_err(text);
        assert!(error.to_string().contains("32 hexadecimal digits"), "{error}");
    }
    // Pinned: caches of other builds must agree on it.
    assert_eq!(Digest::of(b"").to_string(), "99aa06d3014798d86001c324468d497f");
}

#[test]
fn r30_a_tag_made_from_arguments_is_theirs_alone() {
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let tags = [
        auto_tag("f", None, &[]),
        auto_tag("g", None, &[]),
        auto_tag("f", Some(""), &[]),
        auto_tag("f", Some("1"), &[]),
        auto_tag("f1", None, &[]),
        auto_tag("f", None, &[a]),
        auto_tag("f", None, &[b]),
        auto_tag("f", None, &[a, b]),
        auto_tag("f", None, &[b, a]),
    ];
    let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
    assert_eq!(distinct.len(), tags.len());
    // Pinned: a loop of another build must find what this one wrote.
    assert_eq!(tags[7], "auto:f:7ead90f6b54c0040ec3018a2f0ad8d3d");
}

proptest! {
    #[test]
    fn r27_exactly_the_changed_arguments_differ(
        values in prop::collection::vec("[a-z]{0,3}", 0..6),
        changed in prop::collection::vec(any::<bool>(), 6),
    ) {
        let named: Vec<_> = (0..values.len()).map(|n| format!("p{n}")).collect();
        let print = |edit: bool| {
            let value = |(n, value): (usize, &String)| {
                let value = if edit && changed[n] { format!("{value}!") } else { value.clone() };
                argument(&named[n], &value)
            };
            let arguments = values.iter().enumerate().map(value).collect();
            Fingerprint { arguments, ..Fingerprint::default() }
        };
        let found = match Comparison::default().compare(Some(&print(false)), &print(true)) {
            Freshness::Stale(differences) => differences,
            _ => Vec::new(),
        };
        let positions: Vec<_> = found
            .iter()
            .map(|difference| match difference {
                Difference::Argument { position, .. } => *position,
                other => panic!("{other}"),
            })
            .collect();
        let expected: Vec<_> = (0..values.len()).filter(|n| changed[*n]).map(|n| n + 1).collect();
        prop_assert_eq!(positions, expected);
    }
}
