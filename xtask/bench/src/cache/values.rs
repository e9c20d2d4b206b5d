//! One thread, one operation, every size.

use std::path::Path;

use chia_cache::{Durability, Policy};

use super::cacache::Peer;
use super::python::Python;
use super::raw::{self, Sync};
use super::{Against, SIZES, human_size, ours, place, race};
use crate::figure::{Aim, Figure};
use crate::report::Report;

/// The largest value that the store keeps in its index.
const SMALL: usize = 16 << 10;

/// Measures write, read, look-up and evicting write.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = place::folder()?;
    let python = Python::start(&folder.path().join("python"))?;
    for size in SIZES {
        // A folder for each size, so that the disk never holds more than one size's files.
        let folder = place::folder()?;
        let folder = folder.path();
        relaxed_write(report, folder, &python, size)?;
        evicting_write(report, folder, &python, size)?;
        durable_write(report, folder, size)?;
        read_and_has(report, folder, &python, size)?;
        python.run("plain", "forget", size, 0)?;
    }
    Ok(())
}

/// Where it is the bytes that cost, nothing may be added to the limit: at least 0.9 of its speed.
fn near(size: usize, limit: Against<'_>) -> Against<'_> {
    if size == SIZES[SIZES.len() - 1] { limit.within(1.11) } else { limit }
}

fn relaxed_write(
    report: &mut Report,
    folder: &Path,
    python: &Python,
    size: usize,
) -> anyhow::Result<()> {
    let store = ours::open(&folder.join("relaxed"), Durability::Relaxed, ours::PLENTY)?;
    let peer = Peer::new(folder, size)?;
    let limit = Against::new("write + rename", raw::write_and_rename(folder, size, Sync::No)?);
    let others = vec![
        Against::peer("diskcache", python.side("diskcache", "write", size)),
        Against::peer("cacache", peer.write()),
        Against::peer("plain files", python.side("plain", "write", size)),
        near(size, limit),
    ];
    race(report, &format!("write {}, relaxed", human_size(size)), ours::write(store, size), others);
    Ok(())
}

fn evicting_write(
    report: &mut Report,
    folder: &Path,
    python: &Python,
    size: usize,
) -> anyhow::Result<()> {
    let plain = ours::open(&folder.join("plain"), Durability::Relaxed, ours::PLENTY)?;
    let others = vec![
        Against::new("our plain write", ours::write(plain, size)).within(2.0),
        Against::peer("diskcache", python.side("diskcache", "evict", size)),
        Against::peer("plain files", python.side("plain", "evict", size)),
    ];
    let case = format!("evicting write {}, relaxed", human_size(size));
    let ours = ours::evicting_write(&folder.join("evicting"), size, Policy::Lru)?;
    race(report, &case, ours, others);
    Ok(())
}

fn durable_write(report: &mut Report, folder: &Path, size: usize) -> anyhow::Result<()> {
    let store = ours::open(&folder.join("durable"), Durability::Durable, ours::PLENTY)?;
    let mut others = vec![near(
        size,
        Against::new("write + sync + rename", raw::write_and_rename(folder, size, Sync::Yes)?),
    )];
    if size <= SMALL {
        others.push(Against::new("synced append", raw::synced_append(folder, size)?).within(1.3));
        others.push(Against::new("redb commit", raw::redb_commit(folder, size)?));
    }
    race(report, &format!("write {}, durable", human_size(size)), ours::write(store, size), others);
    Ok(())
}

fn read_and_has(
    report: &mut Report,
    folder: &Path,
    python: &Python,
    size: usize,
) -> anyhow::Result<()> {
    let store = ours::open(&folder.join("read"), Durability::Relaxed, ours::PLENTY)?;
    ours::fill(&store, size)?;
    let peer = Peer::new(folder, size)?;
    let limit = Against::new("file read + xxh3", raw::read_and_sum(folder, size)?);
    let others = vec![
        Against::peer("diskcache", python.side("diskcache", "read", size)),
        Against::peer("cacache", peer.read()),
        Against::peer("plain files", python.side("plain", "read", size)),
        near(size, limit),
        Against::new("memcpy + xxh3", raw::copy_and_sum(size)),
    ];
    let case = format!("read {}, hot", human_size(size));
    let took = race(report, &case, ours::read(store.clone(), size), others);
    if size <= 4 << 10 {
        report.add(Figure::alone(case, "ns", took).aim(Aim::AtMost(3_000.0)));
    }
    let others = vec![
        Against::peer("diskcache", python.side("diskcache", "has", size)),
        Against::peer("cacache", peer.has()),
        Against::new("plain files (a dictionary)", python.side("plain", "has", size)),
    ];
    race(report, &format!("has {}", human_size(size)), ours::has(store, size), others);
    Ok(())
}
