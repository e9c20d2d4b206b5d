//! The tool `chia-cache` on large caches and runs: what a look costs, and what it costs the owner.
//!
//! Each command is a process of its own that runs the code of the tool (`process`).

mod beside;
mod list;
pub mod process;
mod report;
mod verify;

use std::path::Path;

use chia_cache::{ByteSize, Codec, Durability, NewEntry, Options, Origin, Store};

use crate::report::Report;

/// Measures `ls`, `verify`, looks beside a writer, and the report of a run.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    list::run(report)?;
    verify::run(report)?;
    report::run(report)
}

/// A store that nothing is evicted from.
fn open(folder: &Path) -> chia_cache::Result<Store> {
    Store::open(folder, Options::new(ByteSize::new(64 << 30)).durability(Durability::Relaxed))
}

fn new_entry() -> NewEntry {
    NewEntry::new(Origin::Real).function("simulate").codec(Codec::Raw)
}

/// Writes small entries under the tags `{name}0` to `{name}{count - 1}`.
fn fill(store: &Store, name: &str, count: u64) -> chia_cache::Result<()> {
    let mut value = [b'v'; 100];
    for at in 0..count {
        value[..8].copy_from_slice(&at.to_le_bytes());
        store.write(&format!("{name}{at}"), value, &new_entry())?;
    }
    Ok(())
}
