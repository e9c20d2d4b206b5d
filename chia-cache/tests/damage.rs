//! Damage to the files of a store: nothing wrong is served, nothing good is removed, everything opens.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::fs;
use std::path::{Path, PathBuf};

use chia_cache::{ByteSize, Codec, NewEntry, Options, Origin, Store, Written};

fn options() -> Options {
    Options::new(ByteSize::new(1 << 30))
}

fn real() -> NewEntry {
    NewEntry::new(Origin::Real).function("f").codec(Codec::Raw)
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        match item.file_type().unwrap().is_dir() {
            true => copy_dir(&item.path(), &target),
            false if item.file_name() == "lock" => {}
            false => drop(fs::copy(item.path(), target).unwrap()),
        }
    }
}

fn value_files(dir: &Path) -> Vec<PathBuf> {
    let items = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path());
    items.filter(|path| path.extension().is_some_and(|end| end == "val")).collect()
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}

fn value(i: usize) -> Vec<u8> {
    vec![i as u8; if i.is_multiple_of(3) { 20_000 + i } else { 100 + i }]
}

/// Fault 8: one flipped bit of the log was taken for its torn end, and what came after was swept.
#[test]
fn r17_a_flipped_bit_of_the_log_costs_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    for i in 0..60 {
        store.write(&format!("t{i}"), value(i), &real()).unwrap();
    }
    let log = [".chia/log.0", ".chia/log.1"].map(|name| dir.path().join(name));
    let log = log.into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let name = log.strip_prefix(dir.path()).unwrap();
    let bits = fs::metadata(&log).unwrap().len() as usize * 8;
    let parts = if std::env::var_os("CHIA_SLOW").is_some() { 1000 } else { 40 };
    for at in (0..parts).map(|part| bits / (parts + 1) * part + 13).chain([3, 70, 515, 1030]) {
        let left = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), left.path());
        flip(&left.path().join(name), at);
        let store = Store::open(left.path(), options()).unwrap();
        let lost: Vec<_> =
            (0..60).filter(|i| store.read(&format!("t{i}")).unwrap().is_none()).collect();
        assert!(lost.len() <= 1, "bit {at}: {lost:?}");
        for i in (0..60).filter(|i| !lost.contains(i)) {
            assert_eq!(store.read(&format!("t{i}")).unwrap().unwrap().value, value(i));
        }
        assert_eq!(value_files(left.path()).len(), 20, "bit {at}");
        // A damaged last record looks like one that was never finished; it alone is not reported.
        let reported = store.open_report().quarantined.len();
        assert!(
            lost.is_empty() || reported == 1 || lost == [59],
            "bit {at}: {lost:?}, {reported} reported"
        );
    }
}

/// A flipped bit of a value costs that value, and of the lock file nothing.
#[test]
fn r17_a_flipped_bit_of_a_value_or_of_the_lock_costs_no_other_entry() {
    let count = if std::env::var_os("CHIA_SLOW").is_some() { 1000 } else { 60 };
    let mut random = fastrand::Rng::with_seed(9);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    for i in 0..12 {
        store.write(&format!("t{i}"), value(i), &real()).unwrap();
    }
    store.close().unwrap();
    for round in 0..count {
        let left = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), left.path());
        fs::copy(dir.path().join(".chia/lock"), left.path().join(".chia/lock")).unwrap();
        let of_value = round % 5 > 0;
        let path = match of_value {
            true => value_files(left.path())[round % 4].clone(),
            false => left.path().join(".chia/lock"),
        };
        let bit = random.usize(..fs::metadata(&path).unwrap().len() as usize * 8);
        flip(&path, bit);
        let what = format!("round {round}, bit {bit} of {}", path.display());
        let store = Store::open(left.path(), options()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let mut lost = 0;
        for i in 0..12 {
            match store.read(&format!("t{i}")).unwrap() {
                Some(entry) => assert!(entry.value == value(i), "{what}: a wrong value for t{i}"),
                None => lost += 1,
            }
        }
        // The end of a file holds facts that only a lost index needs.
        assert!(lost <= usize::from(of_value), "{what}");
        assert_eq!(store.stats().quarantined, lost as u64, "{what}");
        assert_eq!(value_files(left.path()).len(), 4 - lost, "{what}");
    }
}

/// Fault 7: a flipped bit of the index gave wrong values, panics and refusals.
#[test]
fn r17_a_flipped_bit_of_the_index_serves_nothing_wrong() {
    let count = if std::env::var_os("CHIA_SLOW").is_some() { 1000 } else { 60 };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    for i in 0..60 {
        store.write(&format!("t{i}"), value(i), &real()).unwrap();
    }
    store.close().unwrap();
    let stopped = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), stopped.path());
    let store = Store::open(dir.path(), options()).unwrap();
    store.write("last", "value", &real()).unwrap();
    let crashed = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), crashed.path());
    drop(store);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..count {
        let from = if round % 2 == 0 { stopped.path() } else { crashed.path() };
        let left = tempfile::tempdir().unwrap();
        copy_dir(from, left.path());
        let index = left.path().join(".chia/index.redb");
        let bytes = fs::read(&index).unwrap();
        // Most of the file is empty; the bits that say something are the interesting ones.
        let at = loop {
            let at = random.usize(..bytes.len());
            if bytes[at] != 0 || random.u8(..50) == 0 {
                break at;
            }
        };
        flip(&index, at * 8 + random.usize(..8));
        let what = format!("round {round}, byte {at}");
        let store = Store::open(left.path(), options())
            .unwrap_or_else(|e| panic!("{what}: {e}: {:?}", std::error::Error::source(&e)));
        for tag in store.keys().unwrap_or_default() {
            let Some(entry) = store.read(&tag).unwrap() else { continue };
            let written = match tag.strip_prefix('t').and_then(|i| i.parse().ok()) {
                Some(i) => value(i),
                None => b"value".to_vec(),
            };
            assert!(entry.value == written, "{what}: a wrong value for {tag}");
            assert_eq!(entry.facts.origin, Origin::Real, "{what}");
        }
        for i in 0..60 {
            if let Some(entry) = store.read(&format!("t{i}")).unwrap() {
                assert!(entry.value == value(i), "{what}: a wrong value for t{i}");
            }
        }
        assert_eq!(value_files(left.path()).len(), 20, "{what}: {:?}", store.open_report());
        drop(store);
        let store = Store::open(left.path(), options())
            .unwrap_or_else(|e| panic!("{what}, again: {e}: {:?}", std::error::Error::source(&e)));
        store.write("after", "value", &real()).unwrap();
        assert_eq!(value_files(left.path()).len(), 20, "{what}, again");
    }
}

/// Fault 11: a write of the bytes that should be there was acknowledged over a file that is gone.
#[test]
fn r17_the_same_bytes_are_written_again_if_their_file_is_gone_or_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let value = vec![5; 100_000];
    let harms: [fn(&Path); 2] = [|path| fs::remove_file(path).unwrap(), |path| flip(path, 999)];
    for harm in harms {
        store.write("a", &value, &real()).unwrap();
        harm(&value_files(dir.path())[0]);
        let written = store.write("a", &value, &real()).unwrap();
        assert_eq!(written, Written::Stored { collision: false });
        assert_eq!(store.read("a").unwrap().unwrap().value, value);
        assert_eq!(store.write("a", &value, &real()).unwrap(), Written::Refreshed);
    }
}

/// Fault 10: with the index lost, an old log brought back what newer files had replaced.
#[test]
fn r17_a_lost_index_brings_no_older_value_back_over_a_newer_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    store.write("a", "old and small", &real()).unwrap();
    store.write("gone", vec![3; 50_000], &real()).unwrap();
    store.close().unwrap();
    let stale = fs::read(dir.path().join(".chia/log.1")).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    store.write("a", vec![1; 50_000], &real()).unwrap();
    store.evict("gone").unwrap();
    store.close().unwrap();
    fs::remove_file(dir.path().join(".chia/index.redb")).unwrap();
    fs::remove_file(dir.path().join(".chia/log.0")).unwrap();
    fs::write(dir.path().join(".chia/log.1"), stale).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.read("a").unwrap().unwrap().value.len(), 50_000);
    assert!(!store.has("gone").unwrap());
}
