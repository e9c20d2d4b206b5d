//! The body of the fuzz target `pickle_head`, over mutations of real pickles, without a fuzzer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

#[path = "fuzz_bodies/pickle_head.rs"]
mod body;

const SPEND: Duration = Duration::from_secs(2);

#[test]
fn r20_no_bytes_upset_the_reader_of_heads() {
    let seeds: Vec<Vec<u8>> =
        include_str!("interchange/fixtures/cpython.jsonl").lines().map(pickle_of).collect();
    let mut random = fastrand::Rng::with_seed(20);
    let (start, mut taken, mut refused) = (Instant::now(), 0_u64, 0_u64);
    while start.elapsed() < SPEND {
        let mut bytes = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(..4) {
            mutate(&mut bytes, &mut random);
        }
        if body::pickle_head(&bytes) { taken += 1 } else { refused += 1 }
    }
    eprintln!("{taken} inputs taken for entries, {refused} refused");
    assert!(
        taken > 100 && refused > 100,
        "the inputs are all of one sort: {taken} taken, {refused} refused"
    );
}

fn pickle_of(line: &str) -> Vec<u8> {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let hex = line["pickle"].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// One change where it hurts most: in the head, or among the last bytes.
fn mutate(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    if bytes.is_empty() {
        return;
    }
    let near = random.usize(..bytes.len().min(24));
    let at = if random.bool() { near } else { bytes.len() - 1 - near };
    match random.u8(..5) {
        0 => bytes[at] = random.u8(..),
        1 => bytes[at] ^= 1 << random.u8(..8),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.u8(..)),
        _ => {
            bytes.remove(at);
        }
    }
}
