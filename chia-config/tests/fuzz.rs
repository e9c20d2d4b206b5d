//! The body of the fuzz target `rules`, over the fixtures and mutations of them, without a
//! fuzzer.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

#[path = "fuzz_bodies/rules.rs"]
mod body;

const DURATION: Duration = Duration::from_secs(4);

/// A small file takes milliseconds; this leaves room for a slow machine, not for a hang.
const LIMIT: Duration = Duration::from_secs(20);

const PIECES: [&str; 40] = [
    "bypass:",
    "cache:",
    "\n",
    "\n  ",
    "\n    ",
    "f",
    ": ",
    "true",
    "yes",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "tags",
    "data",
    "bypass",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    "|\n",
    ">-\n",
    "#",
    "!t ",
    "!!str ",
    "~",
    "\t",
    "(?=a)",
    "(a*)*",
    "a{999}",
    r"\1",
    "(?i)",
    "[^a]",
    "---\n",
    "\r\n",
    "é",
    "%YAML 1.1\n",
];

fn seeds() -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = ["accept", "reject"].map(|folder| fs::read_dir(tests.join(folder)));
    let files = files.into_iter().flat_map(|entries| entries.expect("the fixtures are there"));
    let paths = files.map(|entry| entry.expect("the fixtures are readable").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| fs::read_to_string(path).expect("the fixtures are text"))
        .collect()
}

/// Cuts a stretch out, or puts a piece in, or puts a stretch of another seed in.
fn mutate(text: &mut String, seeds: &[String], random: &mut Rng) {
    let cut = |text: &str, random: &mut Rng| {
        let mut at = random.usize(..=text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (a, b) = (cut(text, random), cut(text, random));
    match random.u8(..8) {
        0 => text.replace_range(a.min(b)..a.max(b), ""),
        1 => {
            let other = &seeds[random.usize(..seeds.len())];
            let (from, to) = (cut(other, random), cut(other, random));
            text.insert_str(a, &other[from.min(to)..from.max(to)]);
        }
        _ => text.insert_str(a, PIECES[random.usize(..PIECES.len())]),
    }
}

#[test]
fn r02_no_text_upsets_the_reader_of_rules() {
    let seeds = seeds();
    let mut random = Rng::with_seed(2);
    let (start, mut accepted, mut refused) = (Instant::now(), 0_u32, 0_u32);
    while start.elapsed() < DURATION {
        let mut text = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(..6) {
            mutate(&mut text, &seeds, &mut random);
        }
        let begun = Instant::now();
        if body::rules(&text) {
            accepted += 1;
        } else {
            refused += 1;
        }
        assert!(begun.elapsed() < LIMIT, "{:?} for {text:?}", begun.elapsed());
    }
    eprintln!("{accepted} inputs accepted, {refused} refused");
    assert!(accepted > 20 && refused > 20, "one sort only: {accepted} accepted, {refused} refused");
}
