//! The store, as a side of a comparison.

use std::path::Path;
use std::time::{Duration, Instant};

use chia_cache::{ByteSize, Codec, Durability, NewEntry, Options, Origin, Policy, Store};

use super::{Value, keys};
use crate::timing::Side;

/// More than any comparison writes, but for those that are to evict.
pub(super) const PLENTY: u64 = 64 << 30;

pub(super) fn open(
    folder: &Path,
    durability: Durability,
    budget: u64,
) -> chia_cache::Result<Store> {
    Store::open(folder, Options::new(ByteSize::new(budget)).durability(durability))
}

pub(super) fn new_entry() -> NewEntry {
    NewEntry::new(Origin::Real).function("bench").codec(Codec::Raw)
}

/// Writes new values under the same few tags.
pub(super) fn write<'a>(store: Store, size: usize) -> Side<'a> {
    let (mut value, mut next, entry) = (Value::new(size), 0, new_entry());
    let tags: Vec<String> = (0..keys(size)).map(|at| format!("key{at}")).collect();
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            store.write(&tags[next % tags.len()], value.fresh(), &entry).expect("the store writes");
            next += 1;
        }
        start.elapsed()
    })
}

/// Writes new values under ever new tags into a store that is full: each write evicts.
pub(super) fn evicting_write<'a>(
    folder: &Path,
    size: usize,
    policy: Policy,
) -> chia_cache::Result<Side<'a>> {
    let budget = ByteSize::new(keys(size) * (size as u64 + 10));
    let options = Options::new(budget).durability(Durability::Relaxed).policy(policy);
    let store = Store::open(folder, options)?;
    let (mut value, mut next) = (Value::new(size), 0);
    let entry = new_entry().compute_time(Duration::from_secs(1));
    let mut write = move |times: u64| {
        let start = Instant::now();
        for _ in 0..times {
            store.write(&format!("new{next}"), value.fresh(), &entry).expect("the store writes");
            next += 1;
        }
        start.elapsed()
    };
    write(2 * keys(size));
    Ok(Box::new(write))
}

/// Puts a value under each tag.
pub(super) fn fill(store: &Store, size: usize) -> chia_cache::Result<()> {
    let mut value = Value::new(size);
    for at in 0..keys(size) {
        store.write(&format!("key{at}"), value.fresh(), &new_entry())?;
    }
    Ok(())
}

/// Reads values that are there, whole and checked.
pub(super) fn read<'a>(store: Store, size: usize) -> Side<'a> {
    let tags: Vec<String> = (0..keys(size)).map(|at| format!("key{at}")).collect();
    let mut next = 0;
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            let entry =
                store.read(&tags[next % tags.len()]).expect("the store reads").expect("a hit");
            assert_eq!(entry.value.len(), size);
            next += 1;
        }
        start.elapsed()
    })
}

/// Asks for tags, of which one in two is there.
pub(super) fn has<'a>(store: Store, size: usize) -> Side<'a> {
    let tags: Vec<String> = (0..2 * keys(size)).map(|at| format!("key{at}")).collect();
    let mut next = 0;
    Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            assert_eq!(
                store.has(&tags[next % tags.len()]).expect("the store looks"),
                next % tags.len() < tags.len() / 2
            );
            next += 1;
        }
        start.elapsed()
    })
}
