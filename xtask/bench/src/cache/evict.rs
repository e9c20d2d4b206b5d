//! Writes into a full store: one that displaces few entries, and one that displaces very many.

use std::time::Instant;

use chia_cache::{Durability, Policy};

use super::{Against, human_size, ours, place, race};
use crate::figure::{Aim, Figure};
use crate::report::Report;

/// How many entries the large write displaces.
const DISPLACED: u64 = 100_000;

/// Bytes that each of them counts: a value of 100 and its tag.
const EACH: u64 = 100 + 10;

/// Measures evicting writes beside plain ones, and the write that displaces the most.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for size in [100, 4 << 10, 64 << 10] {
        for policy in [Policy::Lru, Policy::SavedTime] {
            let folder = place::folder()?;
            let plain =
                ours::open(&folder.path().join("plain"), Durability::Relaxed, ours::PLENTY)?;
            let others = vec![Against::new("plain write", ours::write(plain, size)).within(2.0)];
            let case = format!("evicting write {}, {policy}", human_size(size));
            let evicting = ours::evicting_write(&folder.path().join("evicting"), size, policy)?;
            race(report, &case, evicting, others);
        }
    }
    for durability in [Durability::Durable, Durability::Relaxed] {
        displace(report, durability)?;
    }
    Ok(())
}

fn displace(report: &mut Report, durability: Durability) -> anyhow::Result<()> {
    let folder = place::folder()?;
    let budget = DISPLACED * EACH;
    // Filled without syncs, which would only take long.
    let store = ours::open(folder.path(), Durability::Relaxed, budget)?;
    for number in 0..DISPLACED {
        store.write(&format!("{number:010}"), [number as u8; 100], &ours::new_entry())?;
    }
    store.close()?;
    let store = ours::open(folder.path(), durability, budget)?;
    let value = vec![7; budget as usize - 5];
    let start = Instant::now();
    store.write("large", &value, &ours::new_entry())?;
    let took = start.elapsed().as_nanos() as f64;
    anyhow::ensure!(store.stats().entries == 1, "{} entries are left", store.stats().entries);
    anyhow::ensure!(store.size_bytes() <= budget, "the budget does not hold");
    let case = format!("{durability} write that displaces {DISPLACED} entries");
    report.add(Figure::alone(case, "ns", took).aim(Aim::AtMost(2e9)));
    Ok(())
}
