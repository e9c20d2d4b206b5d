//! A list of patterns as a whole.

use std::time::{Duration, Instant};

use chia_fullmatch::{Match, PatternError, PatternSet};
use proptest::prelude::*;

fn set(patterns: &[&str]) -> PatternSet {
    PatternSet::new(patterns).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn r04_the_first_pattern_counts_and_back_tracking_ones_come_last() {
    let patterns = set(&["x", r"(\w)\1", r"\d+", r"\w{2}"]);
    assert_eq!(patterns.evaluate("aa"), Match::Matched(3));
    assert_eq!(patterns.evaluate("--"), Match::NoMatch);
    assert_eq!(set(&["a|ab", "ab"]).evaluate("ab"), Match::Matched(0));
    assert_eq!((patterns.len(), patterns.is_empty()), (4, false));
    let empty = set(&[]);
    assert_eq!((empty.evaluate(""), empty.is_empty()), (Match::NoMatch, true));
}

#[test]
fn r04_every_bad_pattern_is_an_error_with_its_index() {
    let errors = PatternSet::new(["a", "(", "b", r"\p{L}"]).expect_err("two are bad");
    let found: Vec<_> = errors.iter().map(|e| (e.index(), e.pattern(), e.offset())).collect();
    assert_eq!(found, [(1, "(", Some(0)), (3, r"\p{L}", Some(0))]);
    assert_eq!(errors.to_string().lines().count(), 2, "{errors}");
    assert_eq!(PatternError::from(errors.clone()), *errors.first());
}

#[test]
fn r04_the_pattern_that_is_too_large_is_named() {
    let errors = PatternSet::new(["a", "(?:a{9999}){9999}"]).expect_err("it is too large");
    assert_eq!(errors.first().index(), 1);
    assert!(errors.first().reason().contains("too large"), "{errors}");
}

#[test]
fn r04_runaway_patterns_give_up_instead_of_hanging() {
    let patterns = set(&["fine", r"(?:(a+)+\1)+b"]);
    let begun = Instant::now();
    assert_eq!(patterns.evaluate(&"a".repeat(60)), Match::GaveUp(1));
    assert_eq!(patterns.evaluate(&"a".repeat(5000)), Match::GaveUp(1));
    assert_eq!(patterns.evaluate("fine"), Match::Matched(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// As Python's `re.escape` does it.
fn escape(text: &str) -> String {
    let special =
        |c: char| r"()[]{}?*+-|^$\.&~# ".contains(c) || c.is_ascii_whitespace() || c == '\u{b}';
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ab\n\\\\\"'.*+?(){}\\[\\]|^$#:, éß日\u{212a}]{0,12}"]
}

proptest! {
    #[test]
    fn r04_a_literal_pattern_matches_its_text_and_nothing_else(literal in text(), other in text()) {
        let patterns = PatternSet::new([escape(&literal)]).expect("an escaped text is a pattern");
        prop_assert_eq!(patterns.evaluate(&literal), Match::Matched(0));
        prop_assert_eq!(patterns.evaluate(&other) == Match::Matched(0), other == literal);
        prop_assert_eq!(patterns.evaluate(&format!("{literal}\n")), Match::NoMatch);
        prop_assert_eq!(patterns.evaluate(&format!("x{literal}")), Match::NoMatch);
    }

    #[test]
    fn r04_a_list_of_patterns_is_the_first_of_them_that_matches(
        literals in prop::collection::vec("[ab]{0,2}", 0..6),
        text in "[ab]{0,2}",
    ) {
        let patterns = PatternSet::new(&literals).expect("letters are patterns");
        let first = literals.iter().position(|literal| *literal == text);
        let expected = first.map_or(Match::NoMatch, Match::Matched);
        prop_assert_eq!(patterns.evaluate(&text), expected);
    }
}
