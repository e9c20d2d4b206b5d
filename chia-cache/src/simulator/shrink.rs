//! Making a failing run short: steps are left out for as long as it fails in the same way.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::plan::Step;
use super::profile::Profile;
use super::run::run;
use super::world::Violation;

/// The most steps that are printed.
const MOST_PRINTED: usize = 40;

/// A failing run.
pub(super) struct Shrunk {
    keep: Vec<usize>,
    violation: Violation,
}

/// Leaves out as many steps as possible within the time.
pub(super) fn shrink(
    profile: &Profile,
    steps: &[Step],
    (last, violation): &(usize, Violation),
    time: Duration,
) -> Shrunk {
    let deadline = Instant::now() + time;
    let mut best = Shrunk { keep: (0..=*last).collect(), violation: violation.clone() };
    let mut part = best.keep.len().div_ceil(2);
    loop {
        let mut at = 0;
        let before = best.keep.len();
        while at < best.keep.len() && Instant::now() < deadline {
            let mut keep = best.keep.clone();
            keep.drain(at..(at + part).min(keep.len()));
            match run(profile, steps, Some(&keep), false).failed {
                Some((last, found)) if found.kind == violation.kind => {
                    keep.retain(|number| *number <= last);
                    best = Shrunk { keep, violation: found };
                }
                _ => at += part,
            }
        }
        if Instant::now() >= deadline || part == 1 && best.keep.len() == before {
            return best;
        }
        part = (part / 2).max(1);
    }
}

impl Shrunk {
    /// What failed, and what kinds of steps it took beside writes and reads.
    pub(super) fn signature(&self, steps: &[Step]) -> String {
        let kinds = self.keep.iter().filter_map(|number| {
            let text = format!("{:?}", steps.get(*number)?);
            let text =
                text.replace("Stranger { edit: ", "Stranger:").replace("Fail { after: ", "Fail ");
            text.split([' ', '{', ',']).next().map(ToOwned::to_owned)
        });
        let plain = ["Write", "Read", "ReadInto", "Replay", "Has", "Check", "ReadAll", "Options"];
        let kinds: BTreeSet<String> = kinds.filter(|kind| !plain.contains(&&**kind)).collect();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        format!("{} [{kinds}]", self.violation.kind)
    }

    pub(super) fn print(&self, seed: u64, profile: &Profile, steps: &[Step]) {
        println!("  {}: {:.700}", self.violation.kind, self.violation.what);
        let Profile { tags, budget, inline_limit, tuning, .. } = profile;
        println!(
            "  {tags} tags, budget {budget}, inline {inline_limit}, checkpoint at {}",
            tuning.checkpoint_at
        );
        for number in self.keep.iter().take(MOST_PRINTED) {
            if let Some(step) = steps.get(*number) {
                println!("  {number:5} {step:?}");
            }
        }
        let keep: Vec<String> = self.keep.iter().map(ToString::to_string).collect();
        println!(
            "  CHIA_SIM_SEED={seed} CHIA_SIM_KEEP={} cargo test -p chia-cache --lib simulator::replay \
             -- --ignored --nocapture",
            keep.join(",")
        );
    }
}
