//! Words of an old private language, which readers had to learn first. Only those that have no other
//! meaning in this repository are looked for. The field has a standard term for each.

use std::path::Path;

use super::cell::{Cell, Verdict};
use super::tidy;
use crate::repo;

/// A word, and what to write instead.
const WORDS: &[(&str, &str)] = &[
    ("door", "endpoint, listener"),
    ("doors", "endpoints, listeners"),
    ("entrance", "endpoint"),
    ("crew", "worker pool"),
    ("hire", "acquire, checkout"),
    ("hired", "acquired"),
    ("guest", "session"),
    ("guests", "sessions"),
    ("victim", "eviction candidate"),
    ("victims", "eviction cursor"),
    ("whoever", "name the thing"),
    ("patience", "timeout"),
    ("birth", "construction"),
    ("bury", "deregister"),
    ("buried", "deregistered"),
    ("told", "warned, requested, reported"),
];

/// Two words in a row, in prose or in an identifier.
const PAIRS: &[(&str, &str, &str)] = &[("set", "aside", "quarantine")];

/// The file with the words themselves.
const THIS: &str = "xtask/src/matrix/vocabulary.rs";

/// The cell of this check.
pub(crate) fn cell() -> Cell {
    Cell::new("workspace/vocabulary", |_| {
        let mut problems = Vec::new();
        for (path, text) in tidy::files(&["rs", "py", "md", "yaml"])? {
            let path = path.strip_prefix(repo::top())?;
            if path == Path::new(THIS) {
                continue;
            }
            let found = private_words(&text);
            problems.extend(found.iter().map(|problem| format!("{}:{problem}", path.display())));
        }
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(Verdict::pass())
    })
}

/// The words of a text that are to be replaced, each with its line.
fn private_words(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words = words(line);
        let mut found = |word: &str, instead: &str| {
            problems.push(format!("{}: `{word}` (write: {instead})", at + 1));
        };
        for (word, instead) in WORDS.iter().filter(|(word, _)| words.iter().any(|w| w == word)) {
            found(word, instead);
        }
        for (first, second, instead) in PAIRS {
            if words.windows(2).any(|pair| pair[0] == *first && pair[1] == *second) {
                found(&format!("{first} {second}"), instead);
            }
        }
    }
    problems
}

/// The words of a line in lower case, those that identifiers are made of among them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in line.chars() {
        let starts = c.is_uppercase() && before.is_lowercase();
        if !c.is_alphabetic() || starts {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_prose_and_in_identifiers_of_every_case() {
        let found = |text: &str| private_words(text).len();
        assert_eq!(
            private_words("fine\nlet wants_door = 1;"),
            ["2: `door` (write: endpoint, listener)"]
        );
        assert_eq!(found("struct CrewMember; const PATIENCE: u8; // Whoever"), 3);
        assert_eq!(found("set_aside(x), SetAside, and set aside"), 1, "one a line is enough");
        assert_eq!(found("indoors, doorbell, crewless, asides are set"), 0);
    }
}
