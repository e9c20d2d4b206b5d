//! Files that somebody else puts into the directory, rewrites, or takes away.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chia_cache::pickle::entry_from_pickle;
use chia_cache::{ByteSize, Codec, NewEntry, Options, Origin, Store};

fn open(dir: &Path, bytes: u64) -> Store {
    Store::open(dir, Options::new(ByteSize::new(bytes))).unwrap()
}

/// The pickle of `len` bytes, each `fill`.
fn pickle(len: u32, fill: u8) -> Vec<u8> {
    [&[0x80, 4, b'B'][..], &len.to_le_bytes(), &vec![fill; len as usize], b"."].concat()
}

fn drop_pickle(dir: &Path, name: &str, tag: &str, pickle: &[u8]) {
    let entry = entry_from_pickle(tag, pickle, b'.', pickle.len() as u64).unwrap();
    fs::write(dir.join(name), entry.apply(pickle)).unwrap();
}

fn value(store: &Store, tag: &str) -> Option<Vec<u8>> {
    store.read(tag).unwrap().map(|entry| entry.value.to_vec())
}

/// Fault 9: a pickle larger than the budget evicted everything and was deleted.
#[test]
fn r20_a_pickle_without_room_evicts_nothing_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 100_000);
    for i in 0..200 {
        let entry = NewEntry::new(Origin::Real).codec(Codec::Raw);
        store.write(&format!("t{i:03}"), vec![0; 396], &entry).unwrap();
    }
    store.close().unwrap();
    drop_pickle(dir.path(), "large.pkl", "large", &pickle(500_000, 1));
    drop_pickle(dir.path(), "middle.pkl", "middle", &pickle(30_000, 1));
    drop_pickle(dir.path(), "small.pkl", "small", &pickle(1_000, 1));
    let store = open(dir.path(), 100_000);
    let report = store.open_report();
    assert_eq!((report.adopted, report.evicted, report.ignored.len()), (1, 0, 2), "{report:?}");
    assert_eq!(store.stats().entries, 201);
    store.close().unwrap();
    assert!(dir.path().join("large.pkl").exists() && dir.path().join("middle.pkl").exists());
}

/// Fault 9: a pickle that was rewritten in place was served as a mix of old and new.
#[test]
fn r20_a_rewritten_pickle_is_read_as_the_new_value() {
    let dir = tempfile::tempdir().unwrap();
    drop_pickle(dir.path(), "one.pkl", "one", &pickle(30_000, 1));
    drop_pickle(dir.path(), "two.pkl", "two", &pickle(30_000, 1));
    let store = open(dir.path(), 1 << 20);
    assert_eq!(value(&store, "one").unwrap(), pickle(30_000, 1));
    drop_pickle(dir.path(), "one.pkl", "one", &pickle(20_000, 2));
    drop_pickle(dir.path(), "two.pkl", "another tag", &pickle(20_000, 2));
    assert_eq!(value(&store, "one").unwrap(), pickle(20_000, 2));
    assert_eq!(value(&store, "two"), None);
    assert_eq!(store.size_bytes(), 3 + pickle(20_000, 2).len() as u64);
    store.close().unwrap();
    assert!(dir.path().join("two.pkl").exists(), "it is not ours any more");
    let store = open(dir.path(), 1 << 20);
    assert_eq!(value(&store, "one").unwrap(), pickle(20_000, 2));
}

#[test]
fn r20_a_rewritten_pickle_survives_the_eviction_of_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    drop_pickle(dir.path(), "one.pkl", "one", &pickle(30_000, 1));
    let store = open(dir.path(), 1 << 20);
    drop_pickle(dir.path(), "one.pkl", "one", &pickle(20_000, 2));
    store.evict("one").unwrap();
    store.close().unwrap();
    assert!(dir.path().join("one.pkl").exists());
}

/// Fault 9: one file that cannot be read made the whole directory refuse to open.
#[test]
fn r20_a_file_that_cannot_be_read_is_ignored_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    drop_pickle(dir.path(), "one.pkl", "one", &pickle(100, 1));
    drop_pickle(dir.path(), "two.pkl", "two", &pickle(100, 1));
    let locked = dir.path().join("one.pkl");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(&locked).is_ok() {
        return; // The superuser reads everything.
    }
    let store = open(dir.path(), 1 << 20);
    assert_eq!((store.open_report().adopted, store.open_report().ignored.len()), (1, 1));
}

#[test]
fn r20_files_that_vanish_while_the_directory_opens_are_no_error() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        for i in 0..40 {
            drop_pickle(dir.path(), &format!("{i}.pkl"), &format!("{round} {i}"), &pickle(100, 1));
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..40 {
                    let _ = fs::remove_file(dir.path().join(format!("{i}.pkl")));
                }
            });
            open(dir.path(), 1 << 20).close().unwrap();
        });
    }
}
