//! The rules of the store (R13 to R19), as its users meet them.

use std::path::Path;
use std::time::Duration;

use chia_cache::{
    ByteSize, Codec, Durability, ErrorKind, NewEntry, Options, Origin, Replay, ReplayMiss, Store,
    Written,
};

const MODES: [Durability; 2] = [Durability::Durable, Durability::Relaxed];

fn options(bytes: u64) -> Options {
    Options::new(ByteSize::new(bytes)).allow_shrink(true)
}

fn real(function: &str) -> NewEntry {
    NewEntry::new(Origin::Real).function(function).codec(Codec::Raw)
}

fn value(store: &Store, tag: &str) -> Option<Vec<u8>> {
    store.read(tag).expect("the disk works").map(|entry| entry.value.to_vec())
}

/// Flips a bit of the only value file in the directory.
fn damage_file(dir: &Path, at: usize) {
    let mut items = std::fs::read_dir(dir).expect("a directory");
    let file =
        items.find_map(|item| item.ok().map(|item| item.path()).filter(|path| path.is_file()));
    let file = file.expect("a value file");
    let mut bytes = std::fs::read(&file).expect("it is ours");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("it is ours");
}

const STORED: Written = Written::Stored { collision: false };

#[test]
fn r11_a_replacement_never_displaces_a_real_result() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    for size in [10, 100_000] {
        let tag = format!("t{size}");
        assert_eq!(
            store
                .write(&tag, vec![1; size], &NewEntry::new(Origin::Provider).function("f"))
                .unwrap(),
            STORED
        );
        let replay = store.replay(&tag, "f").unwrap();
        assert!(matches!(
            replay,
            Replay::Miss(ReplayMiss::Replacement { origin: Origin::Provider })
        ));
        assert_eq!(store.write(&tag, vec![2; size], &real("f")).unwrap(), STORED);
        assert_eq!(
            store.write(&tag, vec![3; size], &NewEntry::new(Origin::File).function("f")).unwrap(),
            Written::KeptReal
        );
        assert_eq!(value(&store, &tag).unwrap(), vec![2; size]);
        assert!(matches!(store.replay(&tag, "f").unwrap(), Replay::Hit(_)));
        let other = store.replay(&tag, "g").unwrap();
        assert!(
            matches!(other, Replay::Miss(ReplayMiss::OtherFunction { function }) if function == "f")
        );
    }
    assert!(matches!(store.replay("nothing", "f").unwrap(), Replay::Miss(ReplayMiss::Absent)));
}

#[test]
fn r11_the_same_value_only_refreshes_and_keeps_its_compute_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    for size in [10, 100_000] {
        let tag = format!("t{size}");
        let first = real("f").compute_time(Duration::from_secs(90));
        assert_eq!(store.write(&tag, vec![1; size], &first).unwrap(), STORED);
        let again = real("f").compute_time(Duration::from_secs(1));
        assert_eq!(store.write(&tag, vec![1; size], &again).unwrap(), Written::Refreshed);
        let replacement = NewEntry::new(Origin::Provider).function("f").codec(Codec::Raw);
        assert_eq!(store.write(&tag, vec![1; size], &replacement).unwrap(), Written::Refreshed);
        let facts = store.facts(&tag).unwrap().unwrap();
        assert_eq!(facts.compute_time, Some(Duration::from_secs(90)));
        assert_eq!(facts.origin, Origin::Real);
        assert!(facts.last_read.is_some());
    }
    assert_eq!(store.stats().refreshed, 4);
}

#[test]
fn r13_what_exceeds_the_whole_budget_is_skipped_and_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(100_000)).unwrap();
    store.write("a", "kept", &real("f")).unwrap();
    assert_eq!(store.write("big", vec![0; 100_000], &real("f")).unwrap(), Written::TooLarge);
    let mut endless = std::io::repeat(7);
    assert_eq!(store.write_from("endless", &mut endless, &real("f")).unwrap(), Written::TooLarge);
    assert_eq!(store.write("fits", vec![0; 99_900], &real("f")).unwrap(), STORED);
    assert_eq!(store.stats().too_large, 2);
    assert_eq!(store.stats().in_flight_bytes, 0);
}

#[test]
fn r14_the_operations() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    assert_eq!(value(&store, "a"), None);
    store.write("a", "1", &real("f")).unwrap();
    store.write("b", vec![5; 50_000], &real("g")).unwrap();
    assert!(store.has("a").unwrap() && store.has("b").unwrap() && !store.has("c").unwrap());
    assert_eq!(store.keys().unwrap(), ["a", "b"]);
    assert_eq!(store.size_bytes(), 50_003);
    let mut sink = Vec::new();
    assert_eq!(store.read_into("b", &mut sink).unwrap().unwrap().size, 50_000);
    assert_eq!(sink, vec![5; 50_000]);
    assert!(store.evict("a").unwrap());
    assert!(!store.evict("a").unwrap());
    assert_eq!(store.clear().unwrap(), 1);
    assert_eq!((store.size_bytes(), store.keys().unwrap().len()), (0, 0));
    let stats = store.stats();
    assert_eq!((stats.hits, stats.misses, stats.writes, stats.evictions), (1, 1, 2, 0));
}

#[test]
fn r15_two_values_of_400_bytes_fit_in_1_kb_and_a_third_evicts_the_least_recently_used() {
    for inline_limit in [16 * 1024, 100] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), options(1024).inline_limit(inline_limit)).unwrap();
        store.write("a", [1; 400], &real("f")).unwrap();
        store.write("b", [2; 400], &real("f")).unwrap();
        assert_eq!(store.keys().unwrap(), ["a", "b"]);
        // Neither of these counts as a use; the read of `a` does.
        store.read("a").unwrap();
        assert!(store.has("b").unwrap());
        store.facts("b").unwrap();
        store.write("c", [3; 400], &real("f")).unwrap();
        assert_eq!(store.keys().unwrap(), ["a", "c"]);
        assert_eq!(store.stats().evictions, 1);
    }
}

#[test]
fn r15_the_budget_holds_after_a_restart_with_a_smaller_one_and_after_a_resize() {
    for mode in MODES {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), options(1 << 20).durability(mode)).unwrap();
        for i in 0..100 {
            store.write(&format!("t{i:03}"), [0; 96], &real("f")).unwrap();
        }
        store.close().unwrap();
        let store = Store::open(dir.path(), options(5000).durability(mode)).unwrap();
        assert_eq!(store.open_report().evicted, 50);
        assert_eq!(store.size_bytes(), 5000);
        assert!(store.has("t050").unwrap() && !store.has("t049").unwrap());
        store.set_budget(ByteSize::new(1000)).unwrap();
        assert_eq!(store.keys().unwrap().first().map(String::as_str), Some("t090"));
    }
}

#[test]
fn r16_a_restart_gives_back_every_entry_in_lru_order() {
    for mode in MODES {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), options(1 << 20).durability(mode)).unwrap();
        for i in 0..10 {
            store
                .write(&format!("t{i}"), vec![i; 20_000 * usize::from(i % 2) + 10], &real("f"))
                .unwrap();
        }
        for i in [3, 0, 6] {
            store.read(&format!("t{i}")).unwrap();
        }
        store.close().unwrap();
        let store = Store::open(dir.path(), options(1 << 20).durability(mode)).unwrap();
        assert!(store.open_report().clean, "{:?}", store.open_report());
        assert_eq!(store.open_report().entries, 10);
        let mut left: Vec<String> = store.keys().unwrap();
        for oldest in [1, 2, 4, 5, 7, 8, 9, 3, 0, 6] {
            let oldest = format!("t{oldest}");
            store.set_budget(ByteSize::new(store.size_bytes() - 1)).unwrap();
            left.retain(|tag| *tag != oldest);
            assert_eq!(store.keys().unwrap(), left);
        }
    }
}

#[test]
fn r17_a_damaged_entry_is_a_miss_quarantined_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    store.write("a", vec![1; 100_000], &real("f")).unwrap();
    damage_file(dir.path(), 5000);
    assert!(matches!(store.replay("a", "f").unwrap(), Replay::Miss(ReplayMiss::Damaged)));
    assert_eq!(value(&store, "a"), None);
    assert_eq!(store.stats().quarantined, 1);
    assert_eq!(std::fs::read_dir(dir.path().join(".chia/quarantine")).unwrap().count(), 1);
    assert_eq!(store.size_bytes(), 0);
}

#[test]
fn r17_a_damaged_small_value_is_kept_aside_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    let whole = b"a value that is easily found in the index".repeat(9);
    store.write("a/b", whole.clone(), &real("f")).unwrap();
    store.close().unwrap();
    let index = dir.path().join(".chia/index.redb");
    let mut bytes = std::fs::read(&index).unwrap();
    let at = bytes.windows(whole.len()).position(|part| part == whole).unwrap();
    bytes[at] = b'A';
    std::fs::write(&index, bytes).unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    assert_eq!((value(&store, "a/b"), store.stats().quarantined), (None, 1));
    let mut aside = std::fs::read_dir(dir.path().join(".chia/quarantine")).unwrap();
    let kept = aside.next().unwrap().unwrap().path();
    assert!(kept.to_str().unwrap().contains("-a-b-"), "{kept:?}");
    let kept = std::fs::read(kept).unwrap();
    assert_eq!((kept[0], &kept[1..]), (b'A', &whole[1..]));
}

#[test]
fn r17_a_value_on_huge_pages_is_read_whole_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 30)).unwrap();
    let whole: Vec<u8> = (0..33 << 20).map(|at: u32| (at >> 8) as u8 ^ at as u8).collect();
    store.write("large", whole.clone(), &real("f")).unwrap();
    assert!(value(&store, "large").unwrap() == whole);
    damage_file(dir.path(), 32 << 20);
    assert_eq!((value(&store, "large"), store.stats().quarantined), (None, 1));
}

#[test]
fn r17_a_lost_index_is_quarantined_and_the_files_are_adopted_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    store
        .write("a/../b", vec![1; 100_000], &real("f").compute_time(Duration::from_secs(3)))
        .unwrap();
    store.write("small", "in the index", &real("f")).unwrap();
    store.close().unwrap();
    let log = dir.path().join(".chia/log.1");
    std::fs::write(dir.path().join(".chia/index.redb"), vec![7; 10_000]).unwrap();
    std::fs::remove_file(log).unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    let report = store.open_report();
    assert_eq!((report.adopted, report.quarantined.len(), report.clean), (1, 1, false));
    assert_eq!(value(&store, "a/../b").unwrap(), vec![1; 100_000]);
    assert_eq!(store.facts("a/../b").unwrap().unwrap().compute_time, Some(Duration::from_secs(3)));
    assert!(!store.has("small").unwrap());
}

#[test]
fn r18_a_second_opener_gets_the_name_of_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    let second = options(1 << 20).lock_wait(Duration::from_millis(50));
    let error = Store::open(dir.path(), second.clone()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Locked { .. }));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(store);
    Store::open(dir.path(), second).unwrap();
}

#[test]
fn r18_an_opener_waits_for_a_holder_that_is_going_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    let closer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        store.close().unwrap();
    });
    Store::open(dir.path(), options(1 << 20)).unwrap();
    closer.join().unwrap();
}

#[test]
fn r19_the_later_of_two_functions_wins_and_the_collision_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    store.write("a", "one", &real("f")).unwrap();
    assert_eq!(store.write("a", "two", &real("g")).unwrap(), Written::Stored { collision: true });
    assert_eq!(value(&store, "a").unwrap(), b"two");
    assert_eq!(store.stats().collisions, 1);
}

#[test]
fn what_is_no_directory_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Store::open(file.path(), options(1 << 20)).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NotADirectory);
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
}

#[test]
fn a_closed_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options(1 << 20)).unwrap();
    let clone = store.clone();
    store.close().unwrap();
    assert_eq!(clone.write("a", "1", &real("f")).unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(clone.read("a").unwrap_err().kind(), &ErrorKind::Closed);
}
