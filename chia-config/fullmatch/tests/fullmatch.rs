//! R4: patterns mean what Python's `re.fullmatch` takes them to mean.
//!
//! `fullmatch/cases.json` holds patterns, tags and CPython's answers (`null`: CPython refuses
//! the pattern; it holds for 3.11 to 3.13). Where a `python3` is there, it is asked too.

mod fullmatch {
    pub(super) mod python;
    pub(super) mod random;
}

use std::collections::BTreeMap;

use chia_fullmatch::{Match, PatternSet};
use fullmatch::{python, random};

type Cases = Vec<(String, Option<BTreeMap<String, Option<bool>>>)>;

/// What is refused though CPython takes it, by design.
const REFUSED_BY_DESIGN: [&str; 6] = [
    "is not supported",
    "a look-behind needs a fixed width",
    "too large when compiled",
    "nested too deep",
    "names no Unicode character",
    "cannot run it",
];

fn cases() -> Cases {
    serde_json::from_str(include_str!("fullmatch/cases.json")).expect("the fixture is JSON")
}

/// Our answers, or why we refuse. A pattern that was given up on has no answer.
fn ours(pattern: &str, tags: &[&str]) -> Result<Vec<Option<bool>>, String> {
    let set = PatternSet::new([pattern]).map_err(|errors| errors.first().reason().to_owned())?;
    let answer = |tag: &&str| match set.evaluate(tag) {
        Match::Matched(_) => Some(true),
        Match::GaveUp(_) => None,
        Match::NoMatch => Some(false),
    };
    Ok(tags.iter().map(answer).collect())
}

/// How we differ from CPython about one pattern, if we do.
fn difference(pattern: &str, tags: &[&str], theirs: Option<&[Option<bool>]>) -> Option<String> {
    match (ours(pattern, tags), theirs) {
        (Err(_), None) => None,
        (Ok(_), None) => Some(format!("{pattern:?}: CPython refuses it, we do not")),
        (Err(reason), Some(_)) => {
            let by_design = REFUSED_BY_DESIGN.iter().any(|known| reason.contains(known));
            (!by_design).then(|| format!("{pattern:?}: we refuse it: {reason}"))
        }
        (Ok(ours), Some(theirs)) => {
            let differs = |pair| matches!(pair, (&Some(ours), &Some(theirs)) if ours != theirs);
            let at = ours.iter().zip(theirs).position(differs)?;
            Some(format!("{pattern:?} on {:?}: CPython says {:?}", tags[at], theirs[at]))
        }
    }
}

#[test]
fn r04_patterns_mean_what_the_recorded_cpython_says() {
    let cases = cases();
    assert!(cases.len() > 250, "the fixture is complete");
    let differences: Vec<_> = cases
        .iter()
        .filter_map(|(pattern, answers)| {
            let empty = BTreeMap::new();
            let tags: Vec<_> =
                answers.as_ref().unwrap_or(&empty).keys().map(String::as_str).collect();
            let theirs: Option<Vec<_>> = answers.as_ref().map(|a| a.values().copied().collect());
            difference(pattern, &tags, theirs.as_deref())
        })
        .collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn r04_the_recorded_answers_are_those_of_this_python() {
    let cases = cases();
    let questions: Vec<_> = cases
        .iter()
        .map(|(pattern, answers)| {
            let tags = answers.as_ref().map(|a| a.keys().cloned().collect()).unwrap_or_default();
            (pattern.clone(), tags)
        })
        .collect();
    let Some(answers) = python::ask(&questions) else {
        return;
    };
    for ((pattern, recorded), answer) in cases.iter().zip(answers) {
        let recorded: Option<Vec<_>> = recorded.as_ref().map(|a| a.values().copied().collect());
        assert_eq!(recorded, answer, "{pattern:?}");
    }
}

#[test]
fn r04_random_patterns_mean_what_this_python_says() {
    let questions = random::questions(3_000);
    let Some(answers) = python::ask(&questions) else {
        return;
    };
    let differences: Vec<_> = questions
        .iter()
        .zip(&answers)
        .filter_map(|((pattern, tags), theirs)| {
            let tags: Vec<_> = tags.iter().map(String::as_str).collect();
            difference(pattern, &tags, theirs.as_deref())
        })
        .collect();
    let accepted = answers.iter().filter(|answer| answer.is_some()).count();
    assert!(accepted > 1_000, "only {accepted} of the random patterns are patterns");
    assert!(
        differences.is_empty(),
        "{}: {:#?}",
        differences.len(),
        &differences[..differences.len().min(40)]
    );
}
