//! R13, R17 on a full disk: room can be made, and the store closes and opens.

use std::path::Path;
use std::sync::Arc;

use super::inner::Tuning;
use crate::io::sim::{Loss, Sim};
use crate::{ByteSize, Codec, Durability, ErrorKind, NewEntry, Options, Origin, Result, Store};

const TUNING: Tuning = Tuning { checkpoint_at: 20_000, sync_all_from: 2, threads: false };

fn open(sim: &Sim) -> Result<Store> {
    let options = Options::new(ByteSize::new(4 << 20)).durability(Durability::Durable);
    Store::open_with(Arc::new(sim.clone()), Path::new("/cache"), options, TUNING)
}

fn write(store: &Store, i: usize) -> Result<crate::Written> {
    let size = if i.is_multiple_of(4) { 20_000 } else { 700 };
    let entry = NewEntry::new(Origin::Real).codec(Codec::Raw);
    store.write(&format!("t{i}"), vec![i as u8; size], &entry)
}

/// Fills the disk; gives how many writes were acknowledged.
fn fill(sim: &Sim, store: &Store) -> usize {
    sim.limit(Some(sim.used() + 1_000_000));
    let mut written = 0;
    loop {
        match write(store, written) {
            Ok(_) => written += 1,
            Err(error) => {
                assert_eq!(error.kind(), &ErrorKind::Full, "{error}");
                return written;
            }
        }
    }
}

#[test]
fn r17_on_a_full_disk_entries_can_be_evicted_and_the_store_closes() {
    let sim = Sim::default();
    let store = open(&sim).unwrap();
    let written = fill(&sim, &store);
    assert!(written > 20, "{written}");
    for i in 0..written / 2 {
        assert!(store.evict(&format!("t{i}")).unwrap(), "{i}");
    }
    store.close().unwrap();
    let store = open(&sim).unwrap();
    assert_eq!(store.stats().entries as usize, written - written / 2);
    write(&store, 0).unwrap();
    store.close().unwrap();
}

#[test]
fn r17_on_a_full_disk_a_store_opens_after_a_crash_and_can_be_cleared() {
    let sim = Sim::default();
    let store = open(&sim).unwrap();
    let written = fill(&sim, &store);
    let left = sim.after(Loss::Process);
    left.limit(Some(left.used()));
    store.inner().state.store(super::inner::CLOSED, std::sync::atomic::Ordering::Release);
    let store = open(&left).unwrap();
    for i in 0..written {
        assert!(store.read(&format!("t{i}")).unwrap().is_some(), "{i}");
    }
    assert_eq!(store.clear().unwrap() as usize, written);
    store.close().unwrap();
    let store = open(&left).unwrap();
    assert_eq!(store.stats().entries, 0);
    write(&store, 0).unwrap();
}
