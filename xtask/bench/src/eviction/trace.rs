//! Traces: which calls a loop makes, what each costs and how large its result is. Seeds are fixed.

use std::time::Duration;

/// A call with its result.
pub(super) struct Call {
    pub(super) cost: Duration,
    /// Bytes of the result: small ones, so that the disk does not decide how long the benchmark takes.
    pub(super) size: usize,
}

/// The calls of a loop and of its reruns.
pub(super) struct Trace {
    pub(super) name: &'static str,
    pub(super) functions: Vec<Call>,
    /// Indices of `functions`, in the order in which they are called.
    pub(super) calls: Vec<usize>,
}

impl Trace {
    /// The bytes of all results together.
    pub(super) fn bytes(&self) -> u64 {
        let each = self.functions.iter().enumerate();
        each.map(|(at, call)| (at.to_string().len() + call.size) as u64).sum()
    }
}

/// How many calls a trace has.
const CALLS: usize = 30_000;

/// Every trace.
pub(super) fn all() -> [Trace; 4] {
    [rerun_loop(), zipf(), correlated(), design_search()]
}

/// Between `low` and `high`, each order of magnitude alike.
fn spread(random: &mut fastrand::Rng, low: f64, high: f64) -> f64 {
    (low.ln() + random.f64() * (high / low).ln()).exp()
}

fn random_call(random: &mut fastrand::Rng) -> Call {
    let cost = Duration::from_secs_f64(spread(random, 0.1, 1e4));
    Call { cost, size: spread(random, 64.0, 16_000.0) as usize }
}

/// A loop of 2,000 calls, run again and again: the worst case of LRU.
fn rerun_loop() -> Trace {
    let mut random = fastrand::Rng::with_seed(1);
    let functions: Vec<Call> = (0..2_000).map(|_| random_call(&mut random)).collect();
    let calls = (0..CALLS).map(|at| at % functions.len()).collect();
    Trace { name: "reruns of a loop", functions, calls }
}

/// Few calls are made often, most seldom.
fn zipf() -> Trace {
    let mut random = fastrand::Rng::with_seed(2);
    let functions = (0..5_000).map(|_| random_call(&mut random)).collect();
    Trace { name: "Zipf", functions, calls: zipf_calls(&mut random, 5_000) }
}

/// As [`zipf`], but a call costs what its result has in bytes, give or take a factor of two.
fn correlated() -> Trace {
    let mut random = fastrand::Rng::with_seed(3);
    let functions = (0..5_000)
        .map(|_| {
            let size = spread(&mut random, 64.0, 16_000.0);
            let cost = Duration::from_secs_f64(size / 10.0 * spread(&mut random, 0.5, 2.0));
            Call { cost, size: size as usize }
        })
        .collect();
    Trace { name: "Zipf, cost as size", functions, calls: zipf_calls(&mut random, 5_000) }
}

fn zipf_calls(random: &mut fastrand::Rng, count: usize) -> Vec<usize> {
    let mut sum = 0.0;
    let up_to: Vec<f64> = (1..=count)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    (0..CALLS)
        .map(|_| {
            let drawn = random.f64() * sum;
            up_to.partition_point(|at| *at < drawn).min(count - 1)
        })
        .collect()
}

/// The calls of the design search example: in each iteration a design is proposed and built, its tests
/// run, and it is scored beside the best so far. The search is restarted again and again and gets a
/// little further each time.
fn design_search() -> Trace {
    const TESTS: usize = 8;
    const STEP: usize = TESTS + 3;
    let mut random = fastrand::Rng::with_seed(4);
    let mut functions = Vec::new();
    for _ in 0..200 {
        let mut call = |seconds: f64, size: usize| {
            let cost = Duration::from_secs_f64(seconds * (0.5 + random.f64()));
            functions.push(Call { cost, size: size / 2 + random.usize(..size) });
        };
        call(20.0, 2_000);
        call(600.0, 10_000);
        (0..TESTS).for_each(|_| call(60.0, 4_000));
        call(0.2, 200);
    }
    let (mut calls, mut best) = (Vec::new(), 0);
    for restart in 1..=50 {
        for iteration in 0..4 * restart {
            calls.extend(iteration * STEP..(iteration + 1) * STEP);
            // The build of the best design so far is looked at again.
            calls.push(best * STEP + 1);
            best = if random.u8(..4) == 0 { iteration } else { best };
        }
    }
    Trace { name: "design search, restarted", functions, calls }
}
