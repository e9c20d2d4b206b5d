//! R15, R38: the exact order of eviction, over checkpoints, restarts and crashes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::inner::{CLOSED, Tuning};
use crate::eviction::EvictionCursor;
use crate::io::sim::Sim;
use crate::{ByteSize, Durability, NewEntry, Options, Origin, Policy, Store};

const TUNING: Tuning = Tuning { checkpoint_at: 1 << 20, sync_all_from: 2, threads: false };
const BUDGET: u64 = 3_000;

/// An entry as it should be.
#[derive(Clone, Debug)]
struct Item {
    tag: String,
    size: u64,
    micros: u64,
    pinned: bool,
    rank: (f64, u64),
}

/// The order of eviction, as plainly as it can be said.
struct Model {
    policy: Policy,
    items: Vec<Item>,
    level: f64,
    uses: u64,
}

impl Model {
    fn rank(&mut self, size: u64, micros: u64) -> (f64, u64) {
        self.uses += 1;
        match self.policy {
            Policy::Lru => (0.0, self.uses),
            Policy::SavedTime => (self.level + micros as f64 / size as f64, self.uses),
        }
    }

    fn sorted(&self) -> Vec<Item> {
        let mut items: Vec<Item> = self.items.iter().filter(|item| !item.pinned).cloned().collect();
        items.sort_by(|a, b| a.rank.partial_cmp(&b.rank).unwrap());
        items
    }

    fn write(&mut self, tag: &str, size: u64, micros: u64, pinned: bool) {
        let size = size + tag.len() as u64;
        self.remove(tag);
        let held: u64 = self.items.iter().map(|item| item.size).sum();
        let mut over = (held + size).saturating_sub(BUDGET);
        for item in self.sorted() {
            if over == 0 {
                break;
            }
            over = over.saturating_sub(item.size);
            self.level = item.rank.0;
            self.remove(&item.tag);
        }
        let rank = self.rank(size, micros);
        self.items.push(Item { tag: tag.to_owned(), size, micros, pinned, rank });
    }

    fn read(&mut self, tag: &str) {
        let Some(at) = self.items.iter().position(|item| item.tag == tag) else { return };
        self.items[at].rank = self.rank(self.items[at].size, self.items[at].micros);
    }

    fn remove(&mut self, tag: &str) {
        self.items.retain(|item| item.tag != tag);
    }
}

fn open(sim: &Sim, policy: Policy) -> Store {
    let options = Options::new(ByteSize::new(BUDGET)).durability(Durability::Relaxed);
    let options = options.policy(policy).allow_shrink(true).inline_limit(100);
    Store::open_with(Arc::new(sim.clone()), Path::new("/cache"), options, TUNING).unwrap()
}

fn order(store: &Store) -> Vec<String> {
    let live = &store.inner().live;
    let selected = EvictionCursor::default().select(live, None, u64::MAX).unwrap();
    selected.entries.iter().map(|(tag, _)| tag.to_string()).collect()
}

/// Writes an entry; whether that changed the store.
fn write(store: &Store, model: &mut Model, number: u64, random: &mut fastrand::Rng) -> bool {
    // Pins are few: they must leave room.
    let (number, pinned) =
        if random.u8(..) < 8 { (random.u64(..3), true) } else { (number, false) };
    let tag = format!("{}{number}", if pinned { "pin" } else { "t" });
    let (size, micros) = (random.u64(1..200), random.u64(..5).pow(8));
    let mut entry = NewEntry::new(Origin::Real).pinned(pinned);
    if micros > 0 {
        entry = entry.compute_time(Duration::from_micros(micros));
    }
    let value = vec![random.u8(..); size as usize];
    assert!(store.write(&tag, value, &entry).unwrap() != crate::Written::TooLarge);
    // The same bytes as before are only a read.
    let changed = store.facts(&tag).unwrap().unwrap().last_read.is_none();
    match changed {
        false => model.read(&tag),
        true => model.write(&tag, size, micros, pinned),
    }
    changed
}

fn run(policy: Policy, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let sim = Sim::default();
    let mut store = open(&sim, policy);
    let mut model = Model { policy, items: Vec::new(), level: 0.0, uses: 0 };
    for _ in 0..300 {
        let number = random.u64(..40);
        match random.u8(..20) {
            0..10 => {
                write(&store, &mut model, number, &mut random);
            }
            10..15 => {
                let tag = format!("t{number}");
                if store.read(&tag).unwrap().is_some() {
                    model.read(&tag);
                }
            }
            15 => {
                let tag = format!("t{number}");
                store.evict(&tag).unwrap();
                model.remove(&tag);
            }
            16 | 17 => store.inner().upkeep(true).unwrap(),
            18 => {
                // The reads since the last change are lost with the process: a change comes last.
                while !write(&store, &mut model, number, &mut random) {}
                store.inner().state.store(CLOSED, Ordering::Release);
                drop(store);
                store = open(&sim, policy);
            }
            _ => {
                store.close().unwrap();
                store = open(&sim, policy);
            }
        }
        let expected: Vec<String> = model.sorted().into_iter().map(|item| item.tag).collect();
        assert_eq!(order(&store), expected, "seed {seed}");
        let mut tags: Vec<&str> = model.items.iter().map(|item| &*item.tag).collect();
        tags.sort_unstable();
        assert_eq!(store.keys().unwrap(), tags, "seed {seed}");
        assert!(store.size_bytes() <= BUDGET);
    }
}

fn seeds() -> std::ops::Range<u64> {
    0..if std::env::var_os("CHIA_SLOW").is_some() { 100 } else { 3 }
}

#[test]
fn r15_lru_is_exact_over_checkpoints_restarts_and_crashes() {
    seeds().for_each(|seed| run(Policy::Lru, seed));
}

#[test]
fn r38_saved_time_is_exact_over_checkpoints_restarts_and_crashes() {
    seeds().for_each(|seed| run(Policy::SavedTime, seed));
}
