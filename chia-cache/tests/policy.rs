//! Budgets that shrink, pins, time to live, pages of entries, and looking without changing.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chia_cache::{ByteSize, Codec, ErrorKind, NewEntry, Options, Origin, Store};

fn options(bytes: u64) -> Options {
    Options::new(ByteSize::new(bytes))
}

fn real() -> NewEntry {
    NewEntry::new(Origin::Real).function("f").codec(Codec::Raw)
}

fn filled(dir: &Path, count: usize) -> Store {
    let store = Store::open(dir, options(1 << 30)).unwrap();
    for i in 0..count {
        store.write(&format!("t{i:04}"), [0; 95], &real()).unwrap();
    }
    store
}

#[test]
fn r39_a_budget_that_evicts_more_than_a_tenth_needs_leave() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100).close().unwrap();
    let error = Store::open(dir.path(), options(8_900)).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Shrink { entries: 11, bytes: 1_100 }, "{error}");
    let store = Store::open(dir.path(), options(9_000)).unwrap();
    assert!(store.open_report().evicted == 10, "{:?}", store.open_report());
    assert!(store.set_budget(ByteSize::new(1_000)).is_err());
    assert_eq!((store.stats().entries, store.budget().bytes()), (90, 9_000));
    store.close().unwrap();
    let store = Store::open(dir.path(), options(500).allow_shrink(true)).unwrap();
    assert_eq!(store.stats().entries, 5);
}

#[test]
fn r38_a_pinned_entry_is_never_evicted_and_pins_never_exceed_the_budget() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1_000).allow_shrink(true)).unwrap();
    store.write("small", [0; 95], &real()).unwrap();
    store.write("large", [0; 595], &real().pinned(true)).unwrap();
    assert!(store.pin("small").unwrap() && !store.pin("none").unwrap());
    for i in 0..50 {
        store.write(&format!("{i:05}"), [0; 95], &real()).unwrap();
    }
    assert_eq!(store.read("small").unwrap().unwrap().value.len(), 95);
    assert!(store.facts("large").unwrap().unwrap().pinned);
    let error = store.write("wide", [0; 400], &real()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Pinned, "{error}");
    assert!(store.set_budget(ByteSize::new(600)).is_err());
    store.close().unwrap();
    let store = Store::open(dir.path(), options(1_000)).unwrap();
    assert!(store.facts("small").unwrap().unwrap().pinned);
    assert!(store.unpin("large").unwrap());
    store.write("wide", [0; 400], &real()).unwrap();
    assert!(!store.has("large").unwrap() && store.has("small").unwrap());
}

#[test]
fn r38_an_entry_is_served_for_its_time_to_live() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1_000)).unwrap();
    store.write("a", "soon gone", &real().ttl(Duration::from_millis(50))).unwrap();
    store.write("b", "stays", &real().ttl(Duration::from_secs(3600))).unwrap();
    std::thread::sleep(Duration::from_millis(80));
    assert!(!store.has("a").unwrap() && store.read("a").unwrap().is_none());
    assert!(store.has("b").unwrap());
    store.write("a", "soon gone", &real()).unwrap();
    assert!(store.has("a").unwrap());
}

#[test]
fn r39_entries_come_in_pages_by_prefix_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 3000);
    store.write("u", "other", &real()).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    store.evict("t0001").unwrap();
    store.write("t0000a", "new", &real()).unwrap();
    let tags: Vec<_> = store.entries().prefix("t").map(|facts| facts.unwrap().tag).collect();
    let mut expected: Vec<_> = (0..3000).filter(|i| *i != 1).map(|i| format!("t{i:04}")).collect();
    expected.insert(1, "t0000a".to_owned());
    assert_eq!(tags, expected);
    let page: Vec<_> = store.entries().prefix("t").after("t2997").take(9).collect();
    assert_eq!(page.len(), 2);
    assert_eq!(store.keys().unwrap().len(), 3001);
}

/// Every file beneath the directory with its contents and time.
fn state(dir: &Path, into: &mut BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)>) {
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        match path.is_dir() {
            true => state(&path, into),
            false => {
                let time = fs::metadata(&path).unwrap().modified().unwrap();
                into.insert(path.clone(), (fs::read(path).unwrap(), time));
            }
        }
    }
}

#[test]
fn r39_a_store_is_looked_at_beside_its_owner_without_changing_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let owner = filled(dir.path(), 100);
    owner.write("large", vec![3; 100_000], &real()).unwrap();
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    state(dir.path(), &mut before);
    let looker = Store::open_read_only(dir.path()).unwrap();
    assert_eq!(looker.read("t0007").unwrap().unwrap().value.len(), 95);
    assert_eq!(looker.read("large").unwrap().unwrap().value, vec![3; 100_000]);
    assert_eq!(looker.page("t", Some("t0097"), 10).unwrap().len(), 2);
    assert_eq!(looker.stats().entries, 101);
    state(dir.path(), &mut after);
    assert!(before == after);
    owner.write("new", "value", &real()).unwrap();
    looker.refresh().unwrap();
    assert!(looker.has("new").unwrap());
    owner.evict("large").unwrap();
    owner.close().unwrap();
    assert!(!looker.has("large").unwrap(), "the owner has stopped: the index is a new one");
    let mut readable = BTreeMap::new();
    state(dir.path(), &mut readable);
    drop(looker);
    assert!(Store::open_read_only(dir.path()).unwrap().has("new").unwrap());
    let nothing = tempfile::tempdir().unwrap();
    assert!(Store::open_read_only(nothing.path()).is_err());
    assert_eq!(fs::read_dir(nothing.path()).unwrap().count(), 0);
}

#[test]
fn r39_a_store_is_looked_at_while_its_owner_writes_and_evicts() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Store::open(dir.path(), options(200_000)).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for i in 0..3000_usize {
                let value = vec![i as u8; 1_000 + i % 7 * 5_000];
                owner.write(&format!("t{}", i % 100), value, &real()).unwrap();
            }
        });
        let looker = loop {
            if let Ok(looker) = Store::open_read_only(dir.path()) {
                break looker;
            }
        };
        while !writer.is_finished() {
            for i in 0..100 {
                match looker.read(&format!("t{i}")) {
                    Ok(Some(entry)) => {
                        let first = entry.value[0];
                        assert!(entry.value.iter().all(|byte| *byte == first));
                    }
                    Ok(None) => {}
                    Err(error) => assert_eq!(error.kind(), &ErrorKind::Busy, "{error}"),
                }
            }
        }
    });
}
