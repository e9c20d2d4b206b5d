//! R20: directories of `(tag, data)` pickles, opened, kept and exported.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::fs;
use std::path::Path;

use chia_cache::pickle::{entry_from_bytes, entry_from_pickle, read_entry};
use chia_cache::{ByteSize, Codec, NewEntry, Options, Origin, Replay, Store};

fn open(dir: &Path) -> Store {
    Store::open(dir, Options::new(ByteSize::new(1 << 30))).expect("the directory opens")
}

fn value(store: &Store, tag: &str) -> Option<Vec<u8>> {
    store.read(tag).expect("the disk works").map(|entry| entry.value.to_vec())
}

/// The pickle of `n`, protocol 2.
fn int(n: u8) -> Vec<u8> {
    vec![0x80, 2, b'K', n, b'.']
}

fn drop_pickle(dir: &Path, name: &str, tag: &str, pickle: &[u8]) {
    let entry = entry_from_pickle(tag, pickle, b'.', pickle.len() as u64).unwrap();
    fs::write(dir.join(name), entry.apply(pickle)).unwrap();
}

#[test]
fn r20_a_directory_of_pickles_is_a_warm_cache() {
    let dir = tempfile::tempdir().unwrap();
    drop_pickle(dir.path(), "one.pkl", "iter0", &int(1));
    drop_pickle(dir.path(), "two.pkl", "Ünïcode/..", &int(2));
    fs::write(dir.path().join("cut.pkl"), b"\x80\x04\x95").unwrap();
    fs::write(dir.path().join("empty.pkl"), b"").unwrap();
    fs::write(dir.path().join("notes.txt"), b"not mine").unwrap();
    let store = open(dir.path());
    assert_eq!((store.open_report().adopted, store.open_report().ignored.len()), (2, 2));
    assert_eq!(store.keys().unwrap(), ["iter0", "Ünïcode/.."]);
    assert_eq!(value(&store, "iter0").unwrap(), int(1));
    assert!(matches!(store.replay("iter0", "anything").unwrap(), Replay::Hit(_)));
    store.close().unwrap();
    let store = open(dir.path());
    assert!(store.open_report().clean);
    assert_eq!(value(&store, "Ünïcode/..").unwrap(), int(2));
    assert!(store.evict("iter0").unwrap());
    store.close().unwrap();
    assert!(!dir.path().join("one.pkl").exists());
    assert!(dir.path().join("cut.pkl").exists() && dir.path().join("notes.txt").exists());
}

#[test]
fn r20_a_pickle_dropped_in_between_two_runs_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.write("mine", "bytes", &NewEntry::new(Origin::Real).codec(Codec::Raw)).unwrap();
    store.close().unwrap();
    drop_pickle(dir.path(), "new.pkl", "dropped", &int(7));
    let store = open(dir.path());
    assert_eq!((store.open_report().adopted, store.open_report().leftovers), (1, 0));
    assert_eq!(value(&store, "dropped").unwrap(), int(7));
    assert_eq!(value(&store, "mine").unwrap(), b"bytes");
}

#[test]
fn r20_with_inline_limit_0_every_entry_is_a_pickle_file() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(ByteSize::new(1 << 30)).inline_limit(0);
    let store = Store::open(dir.path(), options.clone()).unwrap();
    let big = [&[0x80, 4, b'B', 0, 0, 8, 0][..], &vec![9; 512 * 1024], b"."].concat();
    store.write("a", int(1), &NewEntry::new(Origin::Real).function("f")).unwrap();
    store.write("b", &big, &NewEntry::new(Origin::Real).function("f")).unwrap();
    store.write_from("c", &mut &big[..], &NewEntry::new(Origin::Real).function("f")).unwrap();
    store.write("raw", "raw bytes", &NewEntry::new(Origin::Real).codec(Codec::Raw)).unwrap();
    store.write("empty", "", &NewEntry::new(Origin::Real).codec(Codec::Raw)).unwrap();
    store.write("no pickle", "x", &NewEntry::new(Origin::Real)).unwrap();
    let expect = |store: &Store| {
        assert_eq!(value(store, "a").unwrap(), int(1));
        assert_eq!(value(store, "b").unwrap(), big);
        assert_eq!(value(store, "c").unwrap(), big);
        assert_eq!(value(store, "raw").unwrap(), b"raw bytes");
        assert_eq!(value(store, "empty").unwrap(), b"");
        assert_eq!(value(store, "no pickle").unwrap(), b"x");
    };
    expect(&store);
    store.close().unwrap();
    assert_eq!(pickles(dir.path()).len(), 6);
    assert!(
        pickles(dir.path())
            .contains(&("raw".into(), b"\x80\x04\x8e\x09\0\0\0\0\0\0\0raw bytes.".to_vec()))
    );
    expect(&Store::open(dir.path(), options).unwrap());
}

#[test]
fn r20_export_makes_files_that_open_elsewhere_with_their_facts() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(dir.path());
    let large = [&[0x80, 4, b'B', 0, 0, 8, 0][..], &vec![9; 512 * 1024], b"."].concat();
    store.write("small", int(1), &NewEntry::new(Origin::Real).function("f")).unwrap();
    store.write("large", &large, &NewEntry::new(Origin::Provider).function("g")).unwrap();
    store.write("raw", "raw", &NewEntry::new(Origin::Real).codec(Codec::Raw)).unwrap();
    store.close().unwrap();
    drop_pickle(dir.path(), "found.pkl", "found", &int(3));
    let store = open(dir.path());
    assert_eq!(store.export(out.path()).unwrap(), 4);
    assert_eq!(store.export(out.path()).unwrap(), 4);
    assert_eq!(pickles(out.path()).len(), 4);
    assert!(pickles(out.path()).contains(&("small".into(), int(1))));
    let copy = open(out.path());
    assert_eq!(copy.open_report().adopted, 4);
    for tag in ["small", "large", "raw", "found"] {
        assert_eq!(value(&copy, tag), value(&store, tag));
        let (facts, copied) =
            (store.facts(tag).unwrap().unwrap(), copy.facts(tag).unwrap().unwrap());
        assert_eq!(
            (facts.function, facts.origin, facts.codec),
            (copied.function, copied.origin, copied.codec)
        );
    }
}

/// Tags and stand-alone pickles of all `*.pkl` files, as one reads them who knows nothing of the store:
/// up to the trailer, which stands where Python no longer looks.
fn pickles(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let paths = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|end| end == "pkl"));
    files
        .map(|path| {
            let mut bytes = fs::read(path).unwrap();
            if bytes.ends_with(b"CHIAVAL2") {
                let footer = bytes.len() - 20;
                let len =
                    u32::from_le_bytes(bytes[footer..footer + 4].try_into().unwrap()) as usize;
                bytes.truncate(footer - len);
            }
            let (head, splice) = read_entry(&mut std::io::Cursor::new(&bytes)).unwrap();
            (head.tag().to_owned(), splice.apply(&bytes))
        })
        .collect()
}

#[test]
fn r20_raw_bytes_are_a_pickle_of_bytes_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let entry = entry_from_bytes("t", 3).unwrap().apply(b"abc");
    fs::write(dir.path().join("x.pkl"), entry).unwrap();
    assert_eq!(value(&open(dir.path()), "t").unwrap(), b"\x80\x04C\x03abc.");
}

#[test]
fn r20_a_value_that_the_original_wrote_later_is_taken_and_an_earlier_one_is_not() {
    let hour = std::time::Duration::from_secs(3600);
    for (later, wanted) in [(true, int(3)), (false, int(1))] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.write("X", int(1), &NewEntry::new(Origin::Real)).unwrap();
        store.close().unwrap();
        drop_pickle(dir.path(), "X.pkl", "X", &int(3));
        let file = fs::File::options().write(true).open(dir.path().join("X.pkl")).unwrap();
        let now = std::time::SystemTime::now();
        file.set_modified(if later { now + hour } else { now - hour }).unwrap();
        let store = open(dir.path());
        assert_eq!(value(&store, "X").unwrap(), wanted);
        assert_eq!(store.open_report().ignored.len(), usize::from(!later));
    }
}
