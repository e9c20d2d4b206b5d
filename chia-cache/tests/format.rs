//! Directories of every released format open, and give back what was written into them.

#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chia_cache::{ByteSize, Codec, ErrorKind, NewEntry, Options, Origin, Policy, Store};

fn options() -> Options {
    Options::new(ByteSize::new(1 << 20)).inline_limit(64)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The entries of every fixture: in the index, a file, and replaced once.
fn fill(store: &Store) {
    let real =
        NewEntry::new(Origin::Real).function("build").compute_time(Duration::from_millis(1500));
    store.write("small", "a small value", &real.clone().codec(Codec::Raw)).unwrap();
    store.write("large", large(), &NewEntry::new(Origin::Provider).codec(Codec::Raw)).unwrap();
    store.write("Ünïcode/../tag", b"\x80\x04K\x07.", &NewEntry::new(Origin::Manual)).unwrap();
    store.write("gone", "removed again", &real).unwrap();
    store.evict("gone").unwrap();
    store.write("small", "a small value, replaced", &real.codec(Codec::Raw)).unwrap();
    store.read("large").unwrap();
}

fn large() -> Vec<u8> {
    (0..3000u32).map(|i| (i * 7 % 251) as u8).collect()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        match item.file_type().unwrap().is_dir() {
            true => copy_dir(&item.path(), &target),
            // The last owner's description and the space held back say nothing about the format.
            false if item.file_name() == "lock" || item.file_name() == "reserve" => {}
            false => drop(fs::copy(item.path(), target).unwrap()),
        }
    }
}

fn check(fixture_name: &str, policy: Policy, replayed: bool) {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&fixture(fixture_name), dir.path());
    let store = Store::open(dir.path(), options()).unwrap();
    let report = store.open_report();
    assert_eq!(report.replayed > 0, replayed, "{report:?}");
    assert_eq!(store.policy(), policy);
    assert_eq!(
        (report.entries, report.quarantined.len(), report.lost.len()),
        (3, 0, 0),
        "{report:?}"
    );
    assert_eq!(store.keys().unwrap(), ["large", "small", "Ünïcode/../tag"]);
    let small = store.read("small").unwrap().unwrap();
    assert_eq!(&small.value[..], b"a small value, replaced");
    assert_eq!(small.facts.function.as_deref(), Some("build"));
    assert_eq!(small.facts.compute_time, Some(Duration::from_millis(1500)));
    assert_eq!(store.read("large").unwrap().unwrap().value, large());
    let manual = store.read("Ünïcode/../tag").unwrap().unwrap();
    assert_eq!((manual.facts.origin, manual.facts.codec), (Origin::Manual, Codec::Pickle));
    assert_eq!(store.clear().unwrap(), 3);
}

#[test]
fn r16_format_1_opens_after_a_clean_stop() {
    check("format-1/stopped", Policy::Lru, false);
}

#[test]
fn r17_format_1_opens_after_a_crash() {
    check("format-1/crashed", Policy::Lru, true);
}

#[test]
fn r16_format_2_opens_after_a_clean_stop() {
    check("format-2/stopped", Policy::Lru, false);
}

#[test]
fn r17_format_2_opens_after_a_crash() {
    check("format-2/crashed", Policy::Lru, true);
}

#[test]
fn r16_format_3_opens_after_a_clean_stop() {
    check("format-3/stopped", Policy::SavedTime, false);
}

#[test]
fn r17_format_3_opens_after_a_crash() {
    check("format-3/crashed", Policy::SavedTime, true);
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&fixture("later"), dir.path());
    let before = fs::read(dir.path().join(".chia/index.redb")).unwrap();
    let error = Store::open(dir.path(), options()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Version { found: 1_000_000 }, "{error}");
    assert!(
        fs::metadata(dir.path().join(".chia/index.redb")).unwrap().len() >= before.len() as u64
    );
    assert_eq!(fs::read_dir(dir.path().join(".chia/quarantine")).unwrap().count(), 0);
}

/// Writes the fixtures of the present format anew, when asked to.
#[test]
fn write_fixtures_on_request() {
    if std::env::var_os("CHIA_WRITE_FIXTURES").is_none() {
        return;
    }
    let name = format!("format-{}", chia_cache::FORMAT_VERSION);
    let _ = fs::remove_dir_all(fixture(&name));
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options().policy(Policy::SavedTime)).unwrap();
    fill(&store);
    copy_dir(dir.path(), &fixture(&name).join("crashed"));
    store.close().unwrap();
    copy_dir(dir.path(), &fixture(&name).join("stopped"));
    // An index that only says which format it has.
    let later = fixture("later").join(".chia");
    let _ = fs::remove_dir_all(&later);
    fs::create_dir_all(&later).unwrap();
    let index = redb::Database::create(later.join("index.redb")).unwrap();
    let txn = index.begin_write().unwrap();
    let numbers: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");
    txn.open_table(numbers).unwrap().insert("format", 1_000_000).unwrap();
    txn.commit().unwrap();
}
