//! The body of the fuzz target `patterns`, over mutations of the recorded patterns, without a
//! fuzzer.

use std::time::{Duration, Instant};

use fastrand::Rng;

#[path = "fuzz_bodies/patterns.rs"]
mod body;

const DURATION: Duration = Duration::from_secs(3);

/// One input takes milliseconds; this leaves room for a slow machine, not for a hang.
const LIMIT: Duration = Duration::from_secs(20);

const LETTERS: &[u8] = br"()[]{}*+?|^$\.:=!<>#-,0129aiPZ";

type Cases = Vec<(String, serde_json::Value)>;

fn mutate(text: &mut Vec<char>, other: &[char], random: &mut Rng) {
    let at = random.usize(..=text.len());
    match random.u8(..4) {
        0 if !text.is_empty() => drop(text.remove(at.min(text.len() - 1))),
        1 => text.insert(at, char::from(LETTERS[random.usize(..LETTERS.len())])),
        _ => {
            let (a, b) = (random.usize(..=other.len()), random.usize(..=other.len()));
            text.splice(at..at, other[a.min(b)..a.max(b)].iter().copied());
        }
    }
}

#[test]
fn r04_no_pattern_upsets_the_compiler() {
    let cases: Cases = serde_json::from_str(include_str!("fullmatch/cases.json")).expect("JSON");
    let seeds: Vec<Vec<char>> =
        cases.iter().map(|(pattern, _)| pattern.chars().collect()).collect();
    let mut random = Rng::with_seed(7);
    let (start, mut accepted, mut refused) = (Instant::now(), 0_u32, 0_u32);
    while start.elapsed() < DURATION {
        let mut pattern = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(..5) {
            mutate(&mut pattern, &seeds[random.usize(..seeds.len())], &mut random);
        }
        let mut input: String = pattern.into_iter().filter(|c| *c != '\n').collect();
        input.push_str(&format!("\niter{}_a", random.u8(..4)));
        let begun = Instant::now();
        match body::patterns(&input) {
            true => accepted += 1,
            false => refused += 1,
        }
        assert!(begun.elapsed() < LIMIT, "{:?} for {input:?}", begun.elapsed());
    }
    assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused");
}
