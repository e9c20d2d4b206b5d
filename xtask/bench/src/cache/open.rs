//! Opening: after a clean stop and after a kill, by number of entries; and reading what no memory holds yet.

use std::path::Path;

use chia_cache::Durability;

use super::python::Python;
use super::{human_size, keys, ours, place, probe};
use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::median;

const ENTRIES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Entries written by the process that is killed.
const LATE: u64 = 10_000;
const ROUNDS: usize = 5;

/// Measures opening and the first reads.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let mut clean = Vec::new();
    for entries in ENTRIES {
        let folder = place::folder()?;
        let store = folder.path().join("store");
        clean.push(ours_by_entries(report, &store, entries)?);
        peers_by_entries(report, folder.path(), entries, clean[clean.len() - 1])?;
    }
    let figure = Figure::versus(
        "open after a clean stop, 1,000,000 / 1,000 entries",
        "ns",
        clean[clean.len() - 1],
        clean[0],
    );
    report.add(figure.aim(Aim::RatioAtMost(2.0)));
    for size in [4 << 10, 1 << 20, 64 << 20] {
        cold_reads(report, size)?;
    }
    Ok(())
}

/// Returns the nanoseconds of opening after a clean stop.
fn ours_by_entries(report: &mut Report, folder: &Path, entries: u64) -> anyhow::Result<f64> {
    let store = ours::open(folder, Durability::Relaxed, ours::PLENTY)?;
    probe::write_entries(&store, "entry", entries)?;
    store.close()?;

    let (clean, gained) = opened(folder, entries, |_| Ok(()))?;
    let case = format!("open {entries} entries after a clean stop");
    report.add(Figure::alone(case.as_str(), "ns", clean).aim(Aim::AtMost(10e6)));
    report.add(
        Figure::alone(format!("{case}, memory"), "B", gained).aim(Aim::AtMost(f64::from(32 << 20))),
    );

    let (killed, gained) = opened(folder, entries + LATE, |folder| {
        probe::start(&["write", folder, &LATE.to_string()])?.kill()
    })?;
    let case = format!("open {entries} entries after SIGKILL");
    report.add(Figure::versus(format!("{case} / clean stop"), "ns", killed, clean));
    report.add(Figure::alone(format!("{case}, memory"), "B", gained));
    Ok(clean)
}

/// Opens a few times, each in a new process: the medians of nanoseconds and of bytes gained.
fn opened(
    folder: &Path,
    entries: u64,
    before: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<(f64, f64)> {
    let path = folder.to_str().expect("the path is ours");
    let (mut took, mut gained) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        before(path)?;
        let answer = probe::start(&["open", path])?.finish()?;
        anyhow::ensure!(answer[2] == entries, "{} entries instead of {entries}", answer[2]);
        took.push(answer[0] as f64);
        gained.push(answer[1] as f64);
    }
    Ok((median(took), median(gained)))
}

fn peers_by_entries(
    report: &mut Report,
    folder: &Path,
    entries: u64,
    ours: f64,
) -> anyhow::Result<()> {
    // Filling a peer takes longer than all of ours together, so it stops where its trend is plain.
    let peers = [("diskcache", "diskcache", 100_000), ("plain", "plain files, all loaded", 10_000)];
    for (peer, what, _) in peers.into_iter().filter(|(_, _, most)| entries <= *most) {
        Python::start(folder)?.run(peer, "fill", 100, entries)?;
        let mut took = Vec::new();
        for _ in 0..3 {
            took.push(Python::start(folder)?.run(peer, "reopen", 100, entries)?.as_nanos() as f64);
        }
        let case = format!("open {entries} entries after a clean stop / {what}");
        report.add(Figure::versus(case, "ns", ours, median(took)).aim(Aim::RatioAtMost(1.0)));
    }
    Ok(())
}

/// The first read of each entry, in a new process and with nothing in the page cache.
fn cold_reads(report: &mut Report, size: usize) -> anyhow::Result<()> {
    let folder = place::folder()?;
    let path = folder.path().join("store");
    let store = ours::open(&path, Durability::Relaxed, ours::PLENTY)?;
    ours::fill(&store, size)?;
    store.close()?;
    Python::start(folder.path())?.run("diskcache", "read", size, 1)?;
    let mut raw = super::raw::read_and_sum(folder.path(), size)?;

    let tags = keys(size);
    let (mut ours, mut file, mut diskcache) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        place::drop_from_memory(folder.path())?;
        let job = ["read", path.to_str().expect("the path is ours"), &tags.to_string()];
        ours.push(probe::start(&job)?.finish()?[0] as f64);
        file.push(raw(tags).as_nanos() as f64);
        diskcache
            .push(Python::start(folder.path())?.run("diskcache", "cold", size, tags)?.as_nanos()
                as f64);
    }
    let each = |took: Vec<f64>| median(took) / tags as f64;
    let (ours, case) = (each(ours), format!("read {}, cold", human_size(size)));
    report.add(
        Figure::versus(format!("{case} / diskcache"), "ns", ours, each(diskcache))
            .aim(Aim::RatioAtMost(1.0)),
    );
    report.add(Figure::versus(format!("{case} / file read + xxh3"), "ns", ours, each(file)));
    Ok(())
}
