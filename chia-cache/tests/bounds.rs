//! What the store bounds: its log, its records, its budget, whatever is done to it.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::path::Path;
use std::time::Instant;

use chia_cache::{ByteSize, Codec, Durability, NewEntry, Options, Origin, Store};

fn options(bytes: u64) -> Options {
    Options::new(ByteSize::new(bytes)).durability(Durability::Relaxed)
}

fn real() -> NewEntry {
    NewEntry::new(Origin::Real).function("f").codec(Codec::Raw)
}

/// A copy of the directory as a killed process leaves it.
fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        match item.file_type().unwrap().is_dir() {
            true => copy_dir(&item.path(), &target),
            false if item.file_name() == "lock" => {}
            false => drop(std::fs::copy(item.path(), target).unwrap()),
        }
    }
}

fn log_bytes(dir: &Path) -> u64 {
    let len = |name| std::fs::metadata(dir.join(".chia").join(name)).map_or(0, |found| found.len());
    len("log.0") + len("log.1")
}

/// Fault 1: the memtable of few tags stays small however long they are overwritten, but the log grew.
#[test]
fn r36_overwriting_a_few_tags_keeps_the_log_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    store.write("large", vec![7; 100_000], &real()).unwrap();
    let mut longest = 0;
    for i in 0..6_000_u32 {
        let value = [&i.to_le_bytes()[..], &[0; 10_000]].concat();
        store.write(&format!("t{}", i % 50), value, &real()).unwrap();
        if i % 100 == 0 {
            longest = longest.max(log_bytes(dir.path()));
        }
    }
    assert!(longest <= 64 << 20, "{longest} bytes of log");
    let left = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), left.path());
    let store = Store::open(left.path(), options(1 << 30)).unwrap();
    for i in 6_000 - 50..6_000_u32 {
        let entry = store.read(&format!("t{}", i % 50)).unwrap().unwrap();
        assert_eq!(entry.value[..4], i.to_le_bytes());
    }
    assert!(store.has("large").unwrap());
}

/// Fault 2: records longer than what recovery reads were written.
#[test]
fn r36_many_evictions_of_long_tags_leave_a_log_that_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let budget = 14 << 20;
    let store = Store::open(dir.path(), options(budget)).unwrap();
    for i in 0..850 {
        store.write(&format!("{i:0>16000}"), "v", &real()).unwrap();
    }
    store.write("before", "kept", &real()).unwrap();
    store.write("large", vec![1; (budget - 100_000) as usize], &real()).unwrap();
    store.write("after", "kept", &real()).unwrap();
    assert!(store.size_bytes() <= budget);
    let left = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), left.path());
    let store = Store::open(left.path(), options(budget)).unwrap();
    assert_eq!(store.read("after").unwrap().unwrap().value, "kept");
    assert_eq!(store.read("large").unwrap().unwrap().value.len() as u64, budget - 100_000);
    assert!(store.size_bytes() <= budget);
}

#[test]
fn r36_reads_of_long_tags_do_not_make_a_record_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    let tags: Vec<_> = (0..12).map(|i| format!("{i}{}", "0".repeat(1_000_000))).collect();
    for tag in &tags {
        store.write(tag, "v", &real()).unwrap();
    }
    for tag in &tags {
        store.read(tag).unwrap().unwrap();
    }
    store.write("after", "kept", &real()).unwrap();
    let left = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), left.path());
    let store = Store::open(left.path(), options(1 << 30)).unwrap();
    assert!(store.has("after").unwrap() && tags.iter().all(|tag| store.has(tag).unwrap()));
}

/// Fault 3: the budget was exceeded after one write that displaces more than one record holds.
#[test]
fn r37_the_budget_holds_when_one_write_displaces_more_than_one_record_holds() {
    let count = if std::env::var_os("CHIA_SLOW").is_some() { 100_000 } else { 10_000 };
    let dir = tempfile::tempdir().unwrap();
    let budget = 12 * count;
    let store = Store::open(dir.path(), options(budget)).unwrap();
    for i in 0..count {
        store.write(&format!("{i:06}"), "123456", &real()).unwrap();
    }
    assert_eq!(store.stats().entries, count);
    let start = Instant::now();
    store.write("large", vec![0; budget as usize - 5], &real()).unwrap();
    println!("one write that displaces {count} entries: {:?}", start.elapsed());
    assert_eq!((store.size_bytes(), store.stats().entries), (budget, 1));
}
