//! Honest timing: all sides in turns, in one run, medians of many rounds.
//!
//! A round gives each side one batch that is long enough for the clock. Sides take turns within a
//! round and the first place rotates, so that a noisy neighbour or a warming clock hits all alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A batch shorter than this says more about the clock than about the work.
const BATCH: Duration = Duration::from_millis(10);
/// Rounds go on until the time is spent, but within these bounds.
const SPEND: Duration = Duration::from_secs(3);
const MIN_ROUNDS: usize = 5;
const MAX_ROUNDS: usize = 51;
const SPEND_LONG: Duration = Duration::from_secs(30);
const MAX_ROUNDS_LONG: usize = 501;

/// One side of a comparison: does the work this many times, and returns how long the part that
/// counts has taken. Set-up that must not count stays outside of the returned time.
pub type Side<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// A side that times the whole of `work`, call after call.
pub fn side<'a, T>(mut work: impl FnMut() -> T + 'a) -> Side<'a> {
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(work());
        }
        start.elapsed()
    })
}

/// Nanoseconds per call of each side: the median over the rounds.
pub fn interleaved(sides: &mut [Side<'_>]) -> Vec<f64> {
    in_rounds(sides, SPEND, MAX_ROUNDS)
}

/// As [`interleaved`], for calls that other processes take part in: these spread so much that only
/// many rounds tell sides apart that are alike.
pub fn interleaved_long(sides: &mut [Side<'_>]) -> Vec<f64> {
    in_rounds(sides, SPEND_LONG, MAX_ROUNDS_LONG)
}

fn in_rounds(sides: &mut [Side<'_>], spend: Duration, most: usize) -> Vec<f64> {
    let batches: Vec<u64> = sides.iter_mut().map(batch_size).collect();
    let mut samples = vec![Vec::new(); sides.len()];
    let start = Instant::now();
    for round in 0..most {
        if round >= MIN_ROUNDS && start.elapsed() > spend {
            break;
        }
        for turn in 0..sides.len() {
            let at = (round + turn) % sides.len();
            let took = sides[at](batches[at]);
            samples[at].push(took.as_nanos() as f64 / batches[at] as f64);
        }
    }
    samples.into_iter().map(median).collect()
}

/// Nanoseconds per call of ours and of the reference, timed in turns.
pub fn compare<A, B>(ours: impl FnMut() -> A, reference: impl FnMut() -> B) -> (f64, f64) {
    let medians = interleaved(&mut [side(ours), side(reference)]);
    (medians[0], medians[1])
}

/// The median; the mean of the middle two where there is no middle.
///
/// # Panics
/// Without values.
pub fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty(), "the median of nothing");
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// How many calls fill a batch. The search is the warm-up as well.
fn batch_size(side: &mut Side<'_>) -> u64 {
    let mut times = 1;
    while side(times) < BATCH {
        times *= 2;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_outliers() {
        assert_eq!(median(vec![3.0, 1.0, 900.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 900.0]), 3.0);
    }

    #[test]
    fn sides_are_timed_in_turns_and_per_call() {
        let millis = |n: u64, per: u64| Duration::from_millis(n * per);
        let medians = interleaved(&mut [
            Box::new(move |times| millis(times, 5)),
            Box::new(move |times| millis(times, 40)),
        ]);
        assert_eq!(medians, [5e6, 40e6]);
    }

    #[test]
    fn more_work_takes_longer() {
        let spin = |n: u64| (0..n).fold(0u64, |sum, x| black_box(sum ^ x));
        let (long, short) = compare(|| spin(black_box(4000)), || spin(black_box(400)));
        assert!(long > 2.0 * short, "{long} ns against {short} ns");
    }
}
