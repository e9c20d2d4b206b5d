//! `ls` of a large cache: the first line, the whole list, memory; and beside a writer.

use crate::cache::place;
use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::median;

use super::process::{Done, tool};
use super::{beside, fill, open};

const ENTRIES: u64 = 1_000_000;
const ROUNDS: usize = 5;

/// Measures `ls` of a large cache beside `ls` of a cache of one entry, which is the cost of the process.
pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    let (large, small) = (place::folder()?, place::folder()?);
    for (folder, count) in [(&large, ENTRIES), (&small, 1)] {
        let store = open(folder.path())?;
        fill(&store, "iter", count)?;
        store.close()?;
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(tool(large.path(), &["ls"])?);
        bare.push(tool(small.path(), &["ls"])?);
    }
    // The heading is a line as well.
    let listed = ours.iter().all(|done| done.lines as u64 == ENTRIES + 1);
    anyhow::ensure!(listed, "`ls` left entries out");
    let mut add = |what: &str, unit, aim, of: fn(&Done) -> f64| {
        let [ours, bare] = [&ours, &bare].map(|all| median(all.iter().map(of).collect()));
        let case = format!("ls of {ENTRIES} entries, {what} / of one entry");
        report.add(Figure::versus(case, unit, ours, bare).aim(Aim::AtMost(aim)));
    };
    add("first line", "ns", 50e6, |done| done.first.as_nanos() as f64);
    add("whole", "ns", 2e9, |done| done.whole.as_nanos() as f64);
    add("memory", "B", f64::from(64 << 20), |done| done.memory as f64);
    beside::run(report, large.path())
}
