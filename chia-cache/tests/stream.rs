//! Large values stream: neither writing nor reading one needs it in memory, and nothing else waits.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chia_cache::{NewEntry, Options, Origin, Store};

const MIB: u64 = 1024 * 1024;

/// 4 GiB in the slow matrix, less in the quick one.
fn length() -> u64 {
    if std::env::var_os("CHIA_SLOW").is_some() { 4096 * MIB } else { 256 * MIB }
}

/// The peak of this process's memory in KiB, where the system tells it (Linux, proc(5)).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn r14_a_value_streams_through_bounded_memory_and_nothing_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new("16 GB".parse().unwrap());
    let store = Store::open(dir.path().join("cache"), options).unwrap();
    let entry = NewEntry::new(Origin::Manual);
    store.write("small", b"value", &entry).unwrap();
    let before = peak();
    let (done, beside) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Acquire) {
                assert!(store.has("small").unwrap());
                assert_eq!(&*store.read("small").unwrap().unwrap().value, b"value");
                beside.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        let mut value = io::repeat(7).take(length());
        let written = store.write_from("large", &mut value, &entry).unwrap();
        assert!(written.is_stored());
        let facts = store.read_into("large", &mut io::sink()).unwrap().unwrap();
        done.store(true, Ordering::Release);
        assert_eq!(facts.size, length());
    });
    let (Some(before), Some(after)) = (before, peak()) else {
        eprintln!("skipped: this system does not tell a process's peak memory");
        return;
    };
    let grown = after - before;
    let beside = beside.into_inner();
    println!(
        "{} MiB: the peak grew by {grown} KiB; {beside} small reads beside it",
        length() / MIB
    );
    assert!(grown <= 32 * 1024, "the peak grew by {grown} KiB");
    assert!(beside > 0, "no small read came through");
}
