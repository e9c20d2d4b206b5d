//! The store against a plain one in memory, with both eviction policies: random operations, budgets and reopenings must look the same on both.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chia_cache::{ByteSize, Durability, NewEntry, Options, Policy, Replay, ReplayMiss, Store};
use proptest::prelude::*;

#[path = "model/plain.rs"]
mod plain;
#[path = "model/step.rs"]
mod step;

use plain::{Item, Plain};
use step::Step;

/// Small, so that values on both sides of it are cheap.
const INLINE_LIMIT: usize = 1_000;

fn cases() -> u32 {
    if std::env::var_os("CHIA_SLOW").is_some() { 400 } else { 60 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r15_the_store_is_an_lru_within_its_budget(
        durable in any::<bool>(),
        all_files in prop::bool::weighted(0.2),
        budget in step::budget(),
        steps in prop::collection::vec(step::step(false), 1..80),
    ) {
        run(Policy::Lru, durable, all_files, budget, steps);
    }

    #[test]
    fn r38_the_store_keeps_what_saves_the_most_time(
        durable in any::<bool>(),
        all_files in prop::bool::weighted(0.2),
        budget in step::budget(),
        steps in prop::collection::vec(step::step(true), 1..80),
    ) {
        run(Policy::SavedTime, durable, all_files, budget, steps);
    }
}

fn run(policy: Policy, durable: bool, all_files: bool, budget: u64, steps: Vec<Step>) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut pair = Pair::open(folder.path(), policy, durable, all_files, budget);
    for step in steps {
        pair.take(step);
        pair.compare();
    }
    pair.reopen(1 << 30, None);
    pair.compare_all_values();
}

/// The store and the model of it.
struct Pair {
    folder: std::path::PathBuf,
    durability: Durability,
    inline_limit: usize,
    store: Store,
    model: Plain,
}

impl Pair {
    fn open(
        folder: &std::path::Path,
        policy: Policy,
        durable: bool,
        all_files: bool,
        budget: u64,
    ) -> Self {
        let durability = if durable { Durability::Durable } else { Durability::Relaxed };
        let inline_limit = if all_files { 0 } else { INLINE_LIMIT };
        let options = options(durability, inline_limit, budget).policy(policy);
        let store = Store::open(folder, options).unwrap();
        let model = Plain::new(budget, policy);
        Self { folder: folder.to_owned(), durability, inline_limit, store, model }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Write(item) => {
                let written = self.store.write(&item.tag, &item.value, &new_entry(&item)).unwrap();
                assert_eq!(written, self.model.write(item));
            }
            Step::WriteFrom(item) => {
                let written = self
                    .store
                    .write_from(&item.tag, &mut &item.value[..], &new_entry(&item))
                    .unwrap();
                assert_eq!(written, self.model.write(item));
            }
            Step::Read(tag) => {
                let found = self.store.read(&tag).unwrap().map(|entry| entry.value.to_vec());
                assert_eq!(found, self.model.read(&tag).map(|item| item.value.clone()));
            }
            Step::ReadInto(tag) => {
                let mut value = Vec::new();
                let found = self.store.read_into(&tag, &mut value).unwrap().map(|_| value);
                assert_eq!(found, self.model.read(&tag).map(|item| item.value.clone()));
            }
            Step::Has(tag) => {
                assert_eq!(self.store.has(&tag).unwrap(), self.model.get(&tag).is_some());
            }
            Step::Replay(tag, function) => self.replay(&tag, function),
            Step::Evict(tag) => assert_eq!(self.store.evict(&tag).unwrap(), self.model.evict(&tag)),
            Step::Clear => {
                assert_eq!(self.store.clear().unwrap(), self.model.clear());
            }
            Step::SetBudget(budget) => {
                self.store.set_budget(ByteSize::new(budget)).unwrap();
                self.model.set_budget(budget);
            }
            Step::Reopen(budget, policy) => self.reopen(budget, policy),
        }
    }

    /// R11: a replay serves real or manual entries of the same function only.
    fn replay(&mut self, tag: &str, function: &str) {
        use chia_cache::Origin::{Manual, Real};
        let found = self.store.replay(tag, function).unwrap();
        match (self.model.get(tag), found) {
            (None, Replay::Miss(ReplayMiss::Absent)) => {}
            (Some(item), Replay::Miss(ReplayMiss::Replacement { origin })) => {
                assert_eq!(origin, item.origin);
                assert!(!matches!(origin, Real | Manual));
            }
            (Some(item), Replay::Miss(ReplayMiss::OtherFunction { function: other })) => {
                assert_eq!(other, item.function);
                assert_ne!(other, function);
            }
            (Some(item), Replay::Hit(entry)) => {
                assert!(
                    matches!(item.origin, Real | Manual) && item.function == function,
                    "{item:?}"
                );
                assert_eq!(entry.value, item.value);
                self.model.read(tag);
            }
            (item, found) => panic!("{found:?} for {item:?}"),
        }
    }

    /// Stops and opens again, with another budget and perhaps another policy. The order must have survived,
    /// reads included.
    fn reopen(&mut self, budget: u64, policy: Option<Policy>) {
        self.store.clone().close().unwrap();
        let mut options = options(self.durability, self.inline_limit, budget);
        if let Some(policy) = policy {
            options = options.policy(policy);
            self.model.set_policy(policy);
        }
        self.store = Store::open(&self.folder, options).unwrap();
        assert_eq!(self.store.policy(), self.model.policy);
        let report = self.store.open_report();
        assert!(report.clean, "{report:?}");
        assert_eq!(report.evicted, self.model.set_budget(budget));
        assert_eq!(report.entries, self.model.items.len() as u64);
    }

    fn compare(&self) {
        let mut tags: Vec<&str> = self.model.items.iter().map(|item| &item.tag[..]).collect();
        tags.sort_unstable();
        assert_eq!(self.store.keys().unwrap(), tags);
        assert_eq!(self.store.size_bytes(), self.model.size());
        assert!(self.store.size_bytes() <= self.model.budget);
        let stats = self.store.stats();
        assert_eq!(
            (stats.entries, stats.bytes, stats.budget),
            (tags.len() as u64, self.model.size(), self.model.budget)
        );
        for item in &self.model.items {
            let facts = self.store.facts(&item.tag).unwrap().unwrap();
            assert_eq!(facts.size, item.value.len() as u64);
            assert_eq!(
                (facts.origin, facts.function.as_deref()),
                (item.origin, Some(item.function))
            );
            assert_eq!(facts.compute_time, Some(item.compute_time), "{}", item.tag);
        }
    }

    fn compare_all_values(&self) {
        for item in &self.model.items {
            assert_eq!(self.store.read(&item.tag).unwrap().unwrap().value, item.value);
        }
        let files = std::fs::read_dir(&self.folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file());
        assert!(files.count() <= self.model.items.len(), "files without entries");
    }
}

fn options(durability: Durability, inline_limit: usize, budget: u64) -> Options {
    Options::new(ByteSize::new(budget))
        .allow_shrink(true)
        .durability(durability)
        .inline_limit(inline_limit)
}

fn new_entry(item: &Item) -> NewEntry {
    NewEntry::new(item.origin).function(item.function).compute_time(item.compute_time)
}
