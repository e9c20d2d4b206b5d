//! Ten million entries: filling, opening, memory and disk.

use std::path::Path;
use std::time::Instant;

use chia_cache::Durability;

use super::{ours, place, probe};
use crate::figure::{Aim, Figure};
use crate::report::Report;

const ENTRIES: u64 = 10_000_000;

/// Measures a store of as many entries as we mean to serve.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = place::folder()?;
    let store = ours::open(folder.path(), Durability::Relaxed, ours::PLENTY)?;
    let start = Instant::now();
    probe::write_entries(&store, "entry", ENTRIES)?;
    let each = start.elapsed().as_nanos() as f64 / ENTRIES as f64;
    report.add(Figure::alone("write 100 B, relaxed, on the way there", "ns", each));
    let logical = store.size_bytes() as f64;
    store.close()?;
    let disk = bytes_on_disk(folder.path())?;
    report.add(Figure::versus("bytes on disk / logical bytes", "B", disk as f64, logical));

    let path = folder.path().to_str().expect("the path is ours");
    let opened = probe::start(&["open", path])?.finish()?;
    let case = "open after a clean stop";
    report.add(Figure::alone(case, "ns", opened[0] as f64).aim(Aim::AtMost(10e6)));
    let memory = Figure::alone(format!("{case}, memory"), "B", opened[1] as f64);
    report.add(memory.aim(Aim::AtMost(f64::from(32 << 20))));
    probe::start(&["write", path, "10000"])?.kill()?;
    let opened = probe::start(&["open", path])?.finish()?;
    let case = "open after SIGKILL";
    report.add(Figure::alone(case, "ns", opened[0] as f64).aim(Aim::AtMost(200e6)));
    let memory = Figure::alone(format!("{case}, memory"), "B", opened[1] as f64);
    report.add(memory.aim(Aim::AtMost(f64::from(64 << 20))));
    Ok(())
}

/// What the files below a directory take.
fn bytes_on_disk(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => bytes_on_disk(&entry.path())?,
            false => entry.metadata()?.blocks() * 512,
        };
    }
    Ok(bytes)
}
