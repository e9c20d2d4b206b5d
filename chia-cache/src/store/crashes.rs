//! R17 over sequences of crashes of different kinds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inner::{CLOSED, Tuning};
use crate::io::sim::{Fault, Loss, Sim};
use crate::io::{Io, Open};
use crate::paths::Paths;
use crate::{ByteSize, Codec, Durability, NewEntry, Options, Origin, Store};

const TUNING: Tuning = Tuning { checkpoint_at: 100_000, sync_all_from: 2, threads: false };

fn open(sim: &Sim, mode: Durability) -> Store {
    let options = Options::new(ByteSize::new(1 << 20)).durability(mode).inline_limit(64);
    Store::open_with(Arc::new(sim.clone()), Path::new("/cache"), options, TUNING).unwrap()
}

fn write(store: &Store, value: &[u8]) -> crate::Written {
    store.write("x", value, &NewEntry::new(Origin::Real).codec(Codec::Raw)).unwrap()
}

/// The file system as the next process finds it.
fn crash(sim: &Sim, store: Store, loss: Loss) -> Sim {
    let left = sim.after(loss);
    store.inner().state.store(CLOSED, Ordering::Release);
    left
}

/// Fault 5: what a killed process had not synced was relied on, but never synced.
#[test]
fn r17_a_durable_value_survives_a_relaxed_one_a_kill_and_a_power_loss() {
    for (size, loss) in [(30, Loss::Everything), (500, Loss::Everything), (500, Loss::Contents)] {
        let sim = Sim::default();
        let store = open(&sim, Durability::Durable);
        write(&store, &vec![1; size]);
        store.close().unwrap();
        let store = open(&sim, Durability::Relaxed);
        write(&store, &vec![2; size]);
        let sim = crash(&sim, store, Loss::Process);
        let store = open(&sim, Durability::Durable);
        assert_eq!(store.read("x").unwrap().unwrap().value, vec![2; size]);
        let sim = crash(&sim, store, loss);
        let store = open(&sim, Durability::Durable);
        let found = store.read("x").unwrap();
        assert_eq!(found.unwrap().value, vec![2; size], "{size} bytes, {loss:?}");
    }
}

#[test]
fn r17_a_refreshed_value_survives_a_power_loss() {
    for size in [30, 500] {
        let sim = Sim::default();
        let store = open(&sim, Durability::Relaxed);
        write(&store, &vec![2; size]);
        let sim = crash(&sim, store, Loss::Process);
        let store = open(&sim, Durability::Durable);
        assert_eq!(write(&store, &vec![2; size]), crate::Written::Refreshed);
        let sim = crash(&sim, store, Loss::Everything);
        let store = open(&sim, Durability::Durable);
        assert_eq!(store.read("x").unwrap().unwrap().value, vec![2; size]);
    }
}

/// A file is adopted that has its name, but not yet its record. How it was written says nothing of the pin.
#[test]
fn r38_a_pin_outlives_a_crash_in_the_middle_of_a_later_write() {
    let mut adopted = 0;
    for at in 0..20 {
        let sim = Sim::default();
        let store = open(&sim, Durability::Durable);
        write(&store, &[1; 500]);
        assert!(store.pin("x").unwrap());
        sim.fail_at(at, Fault::Crash);
        let entry = NewEntry::new(Origin::Real).codec(Codec::Raw);
        let written = store.write("x", [2; 500], &entry);
        let sim = crash(&sim, store, Loss::Process);
        let store = open(&sim, Durability::Durable);
        let entry = store.read("x").unwrap().unwrap();
        adopted += usize::from(written.is_err() && entry.value[0] == 2);
        assert!(entry.facts.pinned, "crash at {at}");
    }
    assert!(adopted > 0, "no crash came between the file and its record");
}

/// A rebuild that was asked for is done with once the index is a new one.
#[test]
fn r17_a_new_index_in_the_place_of_a_lost_one_is_not_rebuilt_again() {
    let sim = Sim::default();
    let store = open(&sim, Durability::Durable);
    write(&store, &[1; 500]);
    let sim = crash(&sim, store, Loss::Process);
    let paths = Paths::new("/cache".into());
    sim.remove(&paths.index).unwrap();
    sim.open(&paths.rebuild, Open::Create).unwrap();
    let store = open(&sim, Durability::Durable);
    assert_eq!(store.open_report().quarantined.len(), 1, "{:?}", store.open_report());
    store.close().unwrap();
    let store = open(&sim, Durability::Durable);
    assert!(store.open_report().quarantined.is_empty(), "{:?}", store.open_report());
    assert_eq!(store.read("x").unwrap().unwrap().value, vec![1; 500]);
}

/// A replay that needs more memory than it may take is checkpointed in between.
#[test]
fn r36_a_replay_takes_bounded_memory() {
    let sim = Sim::default();
    let store = open(&sim, Durability::Durable);
    for i in 0..300 {
        let entry = NewEntry::new(Origin::Real).codec(Codec::Raw);
        store.write(&format!("t{i}"), [i as u8; 20], &entry).unwrap();
    }
    let sim = crash(&sim, store, Loss::Process);
    let options = Options::new(ByteSize::new(1 << 20)).inline_limit(64);
    let tuning = Tuning { checkpoint_at: 5_000, ..TUNING };
    let store = Store::open_with(Arc::new(sim), Path::new("/cache"), options, tuning).unwrap();
    assert!((0..300).all(|i| store.read(&format!("t{i}")).unwrap().unwrap().value[0] == i as u8));
    assert_eq!(store.stats().entries, 300);
}

/// A file of a write that failed would be adopted by the next opening, in the place of what was
/// acknowledged later.
#[test]
fn r17_a_failed_write_does_not_come_back_over_a_later_acknowledgement() {
    for fault in [Fault::Eio, Fault::ShortWrite] {
        for n in 0..40 {
            for evicts in [true, false] {
                let sim = Sim::default();
                let store = open(&sim, Durability::Durable);
                write(&store, &[1; 500]);
                sim.fail_at(n, fault);
                let entry = NewEntry::new(Origin::Real).codec(Codec::Raw);
                let failed = store.write("x", [2; 500], &entry).is_err();
                sim.heal();
                if !failed {
                    continue;
                }
                let expected = if evicts {
                    assert!(store.evict("x").unwrap());
                    None
                } else {
                    write(&store, &[1; 500]);
                    Some(vec![1; 500])
                };
                for loss in [Loss::Process, Loss::Everything, Loss::Contents] {
                    let store = open(&sim.after(loss), Durability::Durable);
                    let found = store.read("x").unwrap().map(|found| found.value.to_vec());
                    assert_eq!(found, expected, "{fault:?} at {n}, then {loss:?}");
                }
                store.inner().state.store(CLOSED, Ordering::Release);
            }
        }
    }
}

/// The file of a write that a real result outlived waits to be unlinked when its tag is evicted.
#[test]
fn r17_an_evicted_tag_stays_evicted_when_a_refused_file_was_left() {
    for kept_real in [true, false] {
        let sim = Sim::default();
        let store = open(&sim, Durability::Durable);
        if kept_real {
            write(&store, &[1; 500]);
        }
        let provider = NewEntry::new(Origin::Provider).codec(Codec::Raw);
        store.write_from("x", &mut &[2; 500][..], &provider).unwrap();
        store.evict("x").unwrap();
        assert!(!store.evict("x").unwrap());
        let sim = crash(&sim, store, Loss::Everything);
        assert!(open(&sim, Durability::Durable).read("x").unwrap().is_none());
    }
}
