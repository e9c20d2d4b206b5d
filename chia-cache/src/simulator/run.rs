//! Running seeds, one or many, and printing what was found.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::plan::{self, Step};
use super::profile::Profile;
use super::shrink::shrink;
use super::world::{Checked, Violation, World};
use crate::io::sim::Clock;

/// How many failures of one kind are shrunk.
const MOST_OF_KIND: u64 = 12;

/// How a run went.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) operations: u64,
    pub(super) crashes: u64,
    /// Operations on the file system.
    pub(super) trace: u64,
    /// The step that failed, and how.
    pub(super) failed: Option<(usize, Violation)>,
}

/// Runs the steps of which `keep` has the numbers, all without it.
pub(super) fn run(profile: &Profile, steps: &[Step], keep: Option<&[usize]>, verbose: bool) -> Run {
    let _clock = Clock::start();
    let mut world = World::new(profile.clone());
    world.verbose = verbose;
    let all: Vec<usize>;
    let numbers = match keep {
        Some(keep) => keep,
        None => {
            all = (0..steps.len()).collect();
            &all
        }
    };
    let mut failed = None;
    for number in numbers {
        let Some(step) = steps.get(*number) else { continue };
        if verbose {
            println!("{number:5} {step:?}");
        }
        if let Err(violation) = guarded(|| world.step(step)) {
            failed = Some((*number, violation));
            break;
        }
    }
    if failed.is_none() {
        world.die();
        // At the end the store is opened once more.
        let last = guarded(|| world.opened().map(drop));
        failed = last.err().map(|violation| (steps.len(), violation));
    }
    if let (Some((_, violation)), false) = (&mut failed, world.damaged.is_empty()) {
        violation.what = format!("{:.300}, bits flipped in {:?}", violation.what, world.damaged);
    }
    let (operations, crashes, trace) = (world.operations, world.crashes, world.sim.operations());
    world.sim.kill_all();
    Run { operations, crashes, trace, failed }
}

/// A panic is a violation as well.
fn guarded(run: impl FnOnce() -> Checked) -> Checked {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Violation {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    Violation { kind: "panic", what: text.unwrap_or_default() }
}

/// The number of operations on the file system that a seed comes to.
pub(super) fn trace(seed: u64) -> u64 {
    let profile = Profile::new(seed);
    run(&profile, &plan::steps(seed, &profile), None, false).trace
}

/// Prints a run step by step.
pub(super) fn replay(seed: u64, keep: Option<Vec<usize>>) {
    let profile = Profile::new(seed);
    println!("{profile:?}");
    let run = run(&profile, &plan::steps(seed, &profile), keep.as_deref(), true);
    println!("{run:?}");
    assert!(run.failed.is_none(), "{:?}", run.failed);
}

/// Whether all that the oracle checks holds under a seed.
pub(super) fn holds(seed: u64) -> bool {
    quiet();
    let profile = Profile::new(seed);
    run(&profile, &plan::steps(seed, &profile), None, false).failed.is_none()
}

/// Silences the messages of panics within a simulation: they are caught, and are failures where they must
/// not be.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !Clock::is_running() {
                before(info);
            }
        }));
    });
}

/// Runs seeds from `first` on until the time is over. Prints each kind of failure once, shrunk, with the
/// command that replays it.
pub(super) fn soak(first: u64, time: Duration) -> BTreeMap<String, u64> {
    quiet();
    let begin = Instant::now();
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut kinds: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut operations, mut crashes, mut seeds, mut failures) = (0, 0, 0_u64, 0_u64);
    let mut shrinking = Duration::ZERO;
    for seed in first.. {
        if begin.elapsed() >= time {
            break;
        }
        let profile = Profile::new(seed);
        let steps = plan::steps(seed, &profile);
        let run = run(&profile, &steps, None, false);
        (operations, crashes, seeds) =
            (operations + run.operations, crashes + run.crashes, seeds + 1);
        let Some(failed) = run.failed else { continue };
        failures += 1;
        let at = begin.elapsed() - shrinking;
        let of_kind = kinds.entry(failed.1.kind).or_default();
        *of_kind += 1;
        if *of_kind > MOST_OF_KIND {
            continue;
        }
        let shrunk = shrink(
            &profile,
            &steps,
            &failed,
            Duration::from_secs(super::from_env("CHIA_SIM_SHRINK").unwrap_or(20)),
        );
        shrinking = begin.elapsed() - at;
        let key = shrunk.signature(&steps);
        if found.insert(key.clone(), seed).is_none() {
            println!(
                "\nseed {seed} after {:.1} s, {operations} operations: {key}",
                at.as_secs_f64()
            );
            shrunk.print(seed, &profile, &steps);
        }
    }
    let seconds = (begin.elapsed() - shrinking).as_secs_f64();
    println!(
        "\n{seeds} seeds from {first}, {operations} operations, {crashes} crashes in {seconds:.0} s; \
         {failures} seeds failed in {} ways: {kinds:?}",
        found.len()
    );
    found
}
