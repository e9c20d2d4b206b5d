//! `verify` of a large cache, beside a bare read of the same files.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use super::process::tool;
use super::{new_entry, open};
use crate::cache::place::{self, drop_from_memory};
use crate::figure::{Aim, Figure, human};
use crate::report::Report;
use crate::timing::median;

/// All values together, where the disk has three times as much to spare.
const BYTES: u64 = 4 << 30;
const VALUE: usize = 4 << 20;
const ROUNDS: usize = 3;

/// Measures `verify` and a bare read, both from the disk and both from memory.
pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = place::folder()?;
    let disk = rustix::fs::statvfs(folder.path())?;
    let bytes = BYTES.min(disk.f_bavail * disk.f_frsize / 3);
    let store = open(folder.path())?;
    let mut value: Vec<u8> = (0..VALUE).map(|at| (at * 31 + (at >> 8) * 7) as u8).collect();
    for at in 0..bytes / VALUE as u64 {
        value[..8].copy_from_slice(&at.to_le_bytes());
        store.write(&format!("iter{at}"), &value, &new_entry())?;
    }
    store.close()?;
    let what = human(bytes as f64, "B");
    for (place, cold) in [("disk", true), ("memory", false)] {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // Each goes first in turn: what the disk has in its own memory helps the second.
            for turn in 0..2 {
                if cold {
                    drop_from_memory(folder.path())?;
                }
                let (speeds, took) = match (round + turn) % 2 {
                    0 => (&mut ours, tool(folder.path(), &["verify"])?.whole),
                    _ => (&mut bare, read_all(folder.path())?),
                };
                speeds.push(bytes as f64 / took.as_secs_f64() / f64::from(1 << 20));
            }
        }
        let case = format!("verify of {what} from {place} / bare read of the files");
        let figure = Figure::versus(case, "MiB/s", median(ours), median(bare));
        report.add(if cold { figure.aim(Aim::RatioAtLeast(0.8)) } else { figure });
    }
    Ok(())
}

/// Reads every file below a directory, one after the other.
fn read_all(folder: &Path) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut piece = vec![0; 1 << 20];
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_all(&entry.path())?;
        } else {
            let mut file = File::open(entry.path())?;
            while file.read(&mut piece)? > 0 {}
        }
    }
    Ok(start.elapsed())
}
