//! The reference page of the rules file against the reader.

use std::collections::BTreeMap;

use chia_config::Config;

const PAGE: &str = include_str!("../../docs/rules-file.md");

fn parse(text: &str) -> Result<Config, chia_config::ConfigError> {
    Config::parse(text, "page.yaml", "/base")
}

/// The options of each section, as the page documents them.
fn documented() -> BTreeMap<&'static str, Vec<&'static str>> {
    let (mut options, mut section) = (BTreeMap::new(), None);
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let name = heading.strip_prefix("Options of a `").and_then(|h| h.split(':').next());
            section = name.inspect(|name| drop(options.insert(*name, Vec::new())));
        } else if let (Some(option), Some(section)) = (line.strip_prefix("### "), section) {
            options.entry(section).or_default().push(option.trim_matches('`'));
        }
    }
    options
}

/// The options that the reader lists when it meets one that it does not know.
fn known(section: &str) -> Vec<String> {
    let error = parse(&format!("{section}: {{f: {{zzzzzzzz: 1}}}}")).expect_err("it is unknown");
    let help = error.diagnostics()[0].help().expect("the options are listed").to_owned();
    help.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn r02_the_reference_page_has_every_option_and_no_other() {
    let documented = documented();
    assert_eq!(documented.keys().collect::<Vec<_>>(), [&"bypass", &"cache"]);
    for (section, options) in documented {
        assert_eq!(options, known(section), "`{section}:`");
    }
}

#[test]
fn r02_the_reference_page_lists_every_fact_to_check() {
    let error = parse("bypass: {f: {check: zzzzzzzz}}").expect_err("it is unknown");
    let help = error.diagnostics()[0].help().expect("the facts are listed");
    let facts: Vec<_> = help.split('`').skip(1).step_by(2).collect();
    assert_eq!(facts.len(), 3);
    for fact in facts {
        assert!(PAGE.contains(&format!("| `{fact}` |")), "`{fact}` is not on the page");
    }
}

#[test]
fn the_reference_page_lists_every_option_of_a_rehearsal() {
    let error = parse("bypass: {f: {rehearse: {zzzzzzzz: 1}}}").expect_err("it is unknown");
    let help = error.diagnostics()[0].help().expect("the options are listed");
    for option in help.split('`').skip(1).step_by(2) {
        assert!(PAGE.contains(&format!("| `{option}` |")), "`{option}` is not on the page");
    }
}

#[test]
fn r02_the_examples_of_the_reference_page_are_good() {
    let examples: Vec<_> = PAGE.split("```yaml\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let text = example.split("```").next().unwrap_or_default();
        let config = parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.warnings().is_empty(), "{:?}", config.warnings());
    }
}

#[test]
fn user_pages_name_no_rule_numbers() {
    let number = |word: &str| {
        let digits = word.trim_matches(|c: char| !c.is_alphanumeric()).strip_prefix('R');
        digits.is_some_and(|d| !d.is_empty() && d.chars().all(|c| c.is_ascii_digit()))
    };
    assert!(!PAGE.split_whitespace().any(number));
}
