//! R15 to R17 under faults: one scenario, with every single operation on the disk failing in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inner::Tuning;
use crate::io::sim::{Fault, Loss, Sim};
use crate::{ByteSize, Codec, Durability, NewEntry, Options, Origin, Result, Store};

const DIR: &str = "/cache";
const MODES: [Durability; 2] = [Durability::Durable, Durability::Relaxed];
const TUNING: Tuning = Tuning { checkpoint_at: 3000, sync_all_from: 2, threads: false };

fn open(sim: &Sim, mode: Durability, budget: u64) -> Result<Store> {
    let options =
        Options::new(ByteSize::new(budget)).allow_shrink(true).durability(mode).inline_limit(64);
    Store::open_with(Arc::new(sim.clone()), Path::new(DIR), options, TUNING)
}

/// A value that tells which write it is from; `size` decides between the index and a file.
fn value(number: u32, size: usize) -> Vec<u8> {
    let mut value = format!("value {number} ").into_bytes();
    value.resize(size, number as u8);
    value
}

type State = Option<Vec<u8>>;

/// What each tag may hold: one state if the last change was acknowledged, more if it failed.
#[derive(Debug, Default)]
struct Expected {
    now: BTreeMap<String, BTreeSet<State>>,
    /// What it may hold after a power loss: in `Relaxed` everything since the last sync.
    after_loss: BTreeMap<String, BTreeSet<State>>,
    relaxed: bool,
    /// Entries may go at any write, because the budget is small.
    evicts: bool,
    number: u32,
}

impl Expected {
    fn change(&mut self, tag: &str, to: State, acknowledged: bool) {
        let now = self.now.entry(tag.to_owned()).or_insert_with(|| BTreeSet::from([None]));
        if acknowledged {
            now.clear();
        }
        now.insert(to);
        let kept = self.after_loss.entry(tag.to_owned()).or_insert_with(|| BTreeSet::from([None]));
        if !self.relaxed && acknowledged {
            kept.clear();
        }
        kept.extend(now.iter().cloned());
    }

    fn write(&mut self, store: &Store, tag: &str, size: usize, stream: bool) {
        self.number += 1;
        let value = value(self.number, size);
        let entry = NewEntry::new(Origin::Real).function("f").codec(Codec::Raw);
        let written = match stream {
            true => store.write_from(tag, &mut &value[..], &entry),
            false => store.write(tag, &value, &entry),
        };
        self.change(tag, Some(value), written.is_ok());
    }

    fn evict(&mut self, store: &Store, tag: &str) {
        let evicted = store.evict(tag);
        self.change(tag, None, evicted.is_ok());
    }

    fn clear(&mut self, store: &Store) {
        let cleared = store.clear();
        for tag in self.now.keys().cloned().collect::<Vec<_>>() {
            self.change(&tag, None, cleared.is_ok());
        }
    }

    fn sync(&mut self, store: &Store) {
        if store.inner().sync_all().is_ok() {
            self.synced();
        }
    }

    fn synced(&mut self) {
        self.after_loss = self.now.clone();
    }

    /// Compares the store with what is expected; `what` says how it came to this.
    fn check(&self, store: &Store, lost_power: bool, what: &str) {
        let states = if lost_power { &self.after_loss } else { &self.now };
        for (tag, allowed) in states {
            let found = store.read(tag).unwrap_or_else(|e| {
                panic!("{what}: {tag}: {e}: {:?}", std::error::Error::source(&e))
            });
            let found = found.map(|entry| entry.value.to_vec());
            let gone = self.evicts && found.is_none();
            assert!(
                gone || allowed.contains(&found),
                "{what}: {tag} is {found:?}, not one of {allowed:?}"
            );
        }
        check_totals(store, what);
    }
}

fn check_totals(store: &Store, what: &str) {
    let keys = store.keys().unwrap();
    let sizes = keys.iter().map(|tag| tag.len() as u64 + store.facts(tag).unwrap().unwrap().size);
    assert_eq!(store.size_bytes(), sizes.sum::<u64>(), "{what}: the bytes are miscounted");
    assert_eq!(store.stats().entries, keys.len() as u64, "{what}: the entries are miscounted");
    assert!(store.size_bytes() <= store.budget().bytes(), "{what}: over budget");
}

/// Every kind of change, checkpoints, a restart. Goes on after failures, as a user's program does.
fn scenario(sim: &Sim, mode: Durability, budget: u64, expected: &mut Expected) -> Option<Store> {
    let mut store = open(sim, mode, budget).ok()?;
    expected.write(&store, "a", 20, false);
    expected.write(&store, "b", 300, false);
    expected.write(&store, "b", 300, true);
    expected.sync(&store);
    expected.write(&store, "a", 30, false);
    let _ = store.read("b");
    for i in 0..6 {
        expected.write(&store, &format!("c{i}"), 40, false);
    }
    expected.evict(&store, "b");
    expected.write(&store, "d", 500, true);
    if store.close().is_ok() {
        expected.synced();
    }
    store = open(sim, mode, budget).ok()?;
    expected.write(&store, "d", 400, false);
    expected.clear(&store);
    for i in 0..4 {
        expected.write(&store, &format!("e{i}"), 250, i % 2 == 0);
        expected.write(&store, &format!("c{i}"), 50, false);
    }
    expected.write(&store, "e1", 10, false);
    expected.evict(&store, "c2");
    Some(store)
}

fn expected(mode: Durability, budget: u64) -> Expected {
    Expected {
        relaxed: mode == Durability::Relaxed,
        evicts: budget < 10_000,
        ..Expected::default()
    }
}

/// Takes a store away without stopping it, as the death of its process does.
fn abandon(store: Option<Store>) {
    if let Some(store) = store {
        store.inner().state.store(super::inner::CLOSED, Ordering::Release);
    }
}

/// After any reopening the store must be as good as new.
fn check_usable(sim: &Sim, store: Store, mode: Durability, budget: u64, what: &str) {
    let mut expected = expected(mode, budget);
    expected.write(&store, "fresh", 30, false);
    expected.write(&store, "fresh large", 300, false);
    expected.check(&store, false, what);
    store.close().unwrap_or_else(|e| panic!("{what}: {e}"));
    let store = open(sim, mode, budget).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(store.open_report().clean, "{what}: {:?}", store.open_report());
    expected.check(&store, false, what);
}

/// Runs the scenario with the fault at each operation in turn, until it is no longer reached. Each
/// is followed by all of the losses, in the quick suite by one of them in turn. Gives how many
/// operations the scenario has.
fn at_every_operation(mode: Durability, budget: u64, fault: Fault, losses: &[Loss]) -> u64 {
    let slow = std::env::var_os("CHIA_SLOW").is_some();
    for n in 0.. {
        let sim = Sim::default();
        let mut expected = expected(mode, budget);
        sim.fail_at(n, fault);
        let store = scenario(&sim, mode, budget, &mut expected);
        if !sim.heal() {
            abandon(store);
            return n;
        }
        let what = format!("{mode:?}, {fault:?} at {n}");
        if let (Some(store), false) = (&store, fault == Fault::Crash) {
            expected.check(store, false, &what);
        }
        let turn = n as usize % losses.len();
        for loss in if slow { losses } else { &losses[turn..=turn] } {
            let what = format!("{what}, then {loss:?}");
            let left = sim.after(*loss);
            let store = open(&left, mode, budget)
                .unwrap_or_else(|e| panic!("{what}: {e}: {:?}", std::error::Error::source(&e)));
            expected.check(&store, *loss != Loss::Process, &what);
            check_usable(&left, store, mode, budget, &what);
        }
        abandon(store);
    }
    unreachable!("the scenario ends")
}

const LARGE: u64 = 1 << 20;
const SMALL: u64 = 700;

fn losses(seed: u64) -> [Loss; 5] {
    [Loss::Process, Loss::Everything, Loss::Contents, Loss::Random(seed), Loss::Random(seed + 1)]
}

#[test]
fn r17_a_crash_at_any_operation_leaves_the_old_value_or_the_new_one() {
    for mode in MODES {
        let count = at_every_operation(mode, LARGE, Fault::Crash, &losses(1));
        assert!(count > 200, "{mode:?}: the scenario has {count} operations only");
    }
}

#[test]
fn r15_a_crash_at_any_operation_leaves_the_budget_held() {
    for mode in MODES {
        at_every_operation(mode, SMALL, Fault::Crash, &losses(7));
    }
}

#[test]
fn r17_any_operation_may_fail_and_the_store_stays_consistent() {
    for mode in MODES {
        for fault in [Fault::Eio, Fault::ShortWrite] {
            at_every_operation(
                mode,
                LARGE,
                fault,
                &[Loss::Process, Loss::Everything, Loss::Random(3)],
            );
        }
    }
}

#[test]
fn r17_a_disk_that_is_full_from_any_operation_on_loses_nothing() {
    for mode in MODES {
        at_every_operation(mode, LARGE, Fault::Enospc, &[Loss::Process, Loss::Everything]);
    }
}

#[test]
fn r16_reads_count_for_the_lru_order_even_after_a_crash() {
    for mode in MODES {
        let sim = Sim::default();
        let mut expected = expected(mode, LARGE);
        let store = open(&sim, mode, LARGE).unwrap();
        for tag in ["a", "b", "c"] {
            expected.write(&store, tag, 40, false);
        }
        store.read("a").unwrap();
        expected.write(&store, "d", 40, false);
        let left = sim.after(Loss::Process);
        abandon(Some(store));
        let store = open(&left, mode, 3 * 41).unwrap();
        assert_eq!(store.keys().unwrap(), ["a", "c", "d"]);
    }
}
