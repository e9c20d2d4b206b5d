//! What holds for any tag and any literal pattern.

use chia_config::{Config, TagPatterns};
use proptest::prelude::*;

/// As Python's `re.escape` does it.
fn escape(text: &str) -> String {
    let special =
        |c: char| r"()[]{}?*+-|^$\.&~# ".contains(c) || c.is_ascii_whitespace() || c == '\u{b}';
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Text with more of what means something in YAML and in patterns than chance gives.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ab\n\\\\\"'.*+?(){}\\[\\]|^$#:, éß日\u{212a}]{0,12}"]
}

proptest! {
    #[test]
    fn r04_a_literal_pattern_matches_its_text_and_nothing_else(literal in text(), tag in text()) {
        let patterns = TagPatterns::new([escape(&literal)]).expect("an escaped text is a pattern");
        prop_assert_eq!(patterns.matches(Some(&literal)), Some(0));
        prop_assert_eq!(patterns.matches(Some(&tag)).is_some(), tag == literal);
        let (longer, before) = (format!("{literal}\n"), format!("x{literal}"));
        prop_assert_eq!(patterns.matches(Some(&longer)), None);
        prop_assert_eq!(patterns.matches(Some(&before)), None);
    }

    #[test]
    fn r04_a_list_of_patterns_is_the_first_of_them_that_matches(
        literals in prop::collection::vec("[ab]{0,2}", 0..6),
        tag in "[ab]{0,2}",
    ) {
        let patterns = TagPatterns::new(&literals).expect("letters are patterns");
        let first = literals.iter().position(|literal| *literal == tag);
        prop_assert_eq!(patterns.matches(Some(&tag)), first);
    }

    #[test]
    fn r01_a_quoted_name_and_pattern_come_out_as_they_went_in(name in text(), literal in text()) {
        // JSON strings are YAML strings, for what a YAML file may hold.
        prop_assume!(!name.is_empty() && [&name, &literal].iter().all(|t| t.chars().all(|c| {
            !matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        })));
        let quoted = |text: &str| serde_json::to_string(text).expect("a string is JSON");
        let rule = format!("{{bypass: true, tags: [{}]}}", quoted(&escape(&literal)));
        let config = Config::parse(&format!("bypass: {{{}: {rule}}}", quoted(&name)), "p.yaml", ".");
        let config = config.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let tags = config.bypass(&name).and_then(|rule| rule.tags()).expect("it was listed");
        prop_assert_eq!(tags.matches(Some(&literal)), Some(0));
    }

    #[test]
    fn r02_no_text_makes_loading_panic(text in text()) {
        let _ = Config::parse(&text, "p.yaml", ".");
        let _ = Config::parse(&format!("bypass:\n  f: {text}\n"), "p.yaml", ".");
        let _ = TagPatterns::new([text]);
    }
}
