//! What an entry tells of its origin: version, fingerprints, code, run, labels.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::time::Duration;

use chia_cache::{
    ByteSize, Codec, ErrorKind, Fingerprint, MAX_FACTS_LEN, NewEntry, Options, Origin, Replay,
    ReplayMiss, Store,
};

fn entry() -> NewEntry {
    NewEntry::new(Origin::Real)
        .function("f")
        .codec(Codec::Raw)
        .version("7")
        .argument(Fingerprint::new(1, 9))
        .argument(Fingerprint::new(u128::MAX, 2).name("seed").repr("42"))
        .code(5)
        .run("run-1")
        .label("slack", "-3")
        .label("slack", "-4")
}

#[test]
fn r26_the_facts_of_an_entry_survive_a_restart_and_a_lost_index() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(ByteSize::new(1 << 30));
    let store = Store::open(dir.path(), options.clone()).unwrap();
    let entry = entry().ttl(Duration::from_secs(3600)).pinned(true);
    store.write("small", "value", &entry).unwrap();
    store.write("large", vec![1; 100_000], &entry).unwrap();
    let before = [store.facts("small").unwrap().unwrap(), store.facts("large").unwrap().unwrap()];
    let provenance = &before[0].provenance;
    assert_eq!(provenance.version.as_deref(), Some("7"));
    assert_eq!(provenance.arguments[1].name.as_deref(), Some("seed"));
    assert_eq!(provenance.code, Some(5.into()));
    assert_eq!(provenance.run.as_deref(), Some("run-1"));
    assert_eq!(provenance.labels, [("slack".to_owned(), "-4".to_owned())]);
    assert!(before[0].pinned && before[0].expires.unwrap() > before[0].created);
    store.close().unwrap();
    let store = Store::open(dir.path(), options.clone()).unwrap();
    assert_eq!(store.facts("small").unwrap().unwrap(), before[0]);
    assert_eq!(store.facts("large").unwrap().unwrap(), before[1]);
    store.close().unwrap();
    std::fs::remove_dir_all(dir.path().join(".chia")).unwrap();
    let store = Store::open(dir.path(), options).unwrap();
    assert_eq!(store.facts("large").unwrap().unwrap(), before[1]);
}

#[test]
fn r27_a_replay_serves_only_what_the_check_of_its_facts_accepts() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::new(ByteSize::new(1 << 30))).unwrap();
    store.write("a", "value", &entry()).unwrap();
    let of =
        |code: u128| move |facts: &chia_cache::Facts| facts.provenance.code == Some(code.into());
    assert!(matches!(store.replay_if("a", "f", of(5)).unwrap(), Replay::Hit(_)));
    let miss = store.replay_if("a", "f", of(6)).unwrap();
    assert!(matches!(miss, Replay::Miss(ReplayMiss::Rejected)));
}

#[test]
fn r15_long_facts_count_against_the_budget_and_too_long_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::new(ByteSize::new(1 << 20))).unwrap();
    for i in 0..200 {
        let entry = NewEntry::new(Origin::Real).function("f".repeat(MAX_FACTS_LEN));
        store.write(&format!("{i}"), "v", &entry).unwrap();
    }
    assert!(store.stats().entries < 17, "{:?}", store.stats());
    let entry = NewEntry::new(Origin::Real).function("f".repeat(MAX_FACTS_LEN + 1));
    assert_eq!(store.write("b", "v", &entry).unwrap_err().kind(), &ErrorKind::Facts);
}

#[test]
fn r26_a_copy_keeps_every_fact_of_the_original() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |dir: &tempfile::TempDir| {
        Store::open(dir.path(), Options::new(ByteSize::new(1 << 20))).unwrap()
    };
    let (from, to) = (open(&from), open(&to));
    let old = std::time::SystemTime::now() - Duration::from_secs(86_400);
    let ttl = Duration::from_secs(10 * 86_400);
    from.write("t", b"value", &entry().created(old).ttl(ttl).pinned(true)).unwrap();
    let original = from.facts("t").unwrap().unwrap();
    assert!(original.created <= old && original.expires.is_some() && original.pinned);
    to.write("t", b"value", &original.clone().into()).unwrap();
    assert_eq!(to.facts("t").unwrap().unwrap(), original);
}
