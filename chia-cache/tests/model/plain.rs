//! The rules of the store in memory, as plainly as they can be said. It shares nothing with the store.

use std::time::Duration;

use chia_cache::{Origin, Policy, Written};

/// An entry as it should be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) tag: String,
    pub(crate) value: Vec<u8>,
    pub(crate) origin: Origin,
    pub(crate) function: &'static str,
    pub(crate) compute_time: Duration,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tag, value, origin, function, compute_time } = self;
        let fill = value.first();
        write!(
            f,
            "Item {{ {tag:?}, {} x {fill:?}, {origin:?}, {function}, {compute_time:?} }}",
            value.len()
        )
    }
}

impl Item {
    fn size(&self) -> u64 {
        (self.tag.len() + self.value.len()) as u64
    }

    /// Whether it cost work or was put there on purpose, and does not merely replace a result.
    fn is_original(&self) -> bool {
        matches!(self.origin, Origin::Real | Origin::Manual)
    }
}

/// A store with a budget: the items in the order in which they leave.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    pub(crate) budget: u64,
    pub(crate) policy: Policy,
    pub(crate) items: Vec<Item>,
    /// The ranks of the items: what they save, and when they were last used.
    ranks: Vec<(f64, u64)>,
    /// What the item saved that was evicted last.
    level: f64,
    uses: u64,
}

impl Plain {
    pub(crate) fn new(budget: u64, policy: Policy) -> Self {
        Self { budget, policy, ..Self::default() }
    }

    pub(crate) fn size(&self) -> u64 {
        self.items.iter().map(Item::size).sum()
    }

    /// The item under a tag, without refreshing it.
    pub(crate) fn get(&self, tag: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.tag == tag)
    }

    fn take(&mut self, tag: &str) -> Option<Item> {
        let at = self.items.iter().position(|item| item.tag == tag)?;
        self.ranks.remove(at);
        Some(self.items.remove(at))
    }

    fn saves(&self, item: &Item) -> f64 {
        match self.policy {
            Policy::SavedTime => item.compute_time.as_micros() as f64 / item.size().max(1) as f64,
            _ => 0.0,
        }
    }

    fn insert(&mut self, item: Item) {
        self.uses += 1;
        let rank = (self.level + self.saves(&item), self.uses);
        self.insert_at(rank, item);
    }

    fn insert_at(&mut self, rank: (f64, u64), item: Item) {
        let at = self.ranks.partition_point(|other| *other < rank);
        self.ranks.insert(at, rank);
        self.items.insert(at, item);
    }

    /// The item under a tag, which is used now.
    pub(crate) fn read(&mut self, tag: &str) -> Option<&Item> {
        let item = self.take(tag)?;
        self.insert(item);
        self.get(tag)
    }

    pub(crate) fn write(&mut self, new: Item) -> Written {
        if new.size() > self.budget {
            return Written::TooLarge;
        }
        let Some(old) = self.get(&new.tag).cloned() else { return self.put(new, false) };
        let other_function = old.function != new.function;
        // R11: the same value only refreshes, unless it says more about itself than the old one.
        if old.value == new.value && !(new.is_original() && (!old.is_original() || other_function))
        {
            self.read(&new.tag);
            return Written::Refreshed;
        }
        // R11: a replacement never displaces a real result.
        if old.is_original() && !new.is_original() {
            return Written::KeptReal;
        }
        // R19: among real results the later one wins, and it is a collision if another function made it.
        let collision = other_function && old.is_original() && new.is_original();
        self.put(new, collision)
    }

    fn put(&mut self, new: Item, collision: bool) -> Written {
        self.take(&new.tag);
        self.evict_to(self.budget - new.size());
        self.insert(new);
        Written::Stored { collision }
    }

    pub(crate) fn evict(&mut self, tag: &str) -> bool {
        self.take(tag).is_some()
    }

    pub(crate) fn clear(&mut self) -> u64 {
        self.ranks.clear();
        self.items.drain(..).count() as u64
    }

    /// Sets the budget; how many items had to go.
    pub(crate) fn set_budget(&mut self, budget: u64) -> u64 {
        self.budget = budget;
        self.evict_to(budget)
    }

    /// Ranks the items for another policy, as if nothing had been evicted so far.
    pub(crate) fn set_policy(&mut self, policy: Policy) {
        if policy == self.policy {
            return;
        }
        (self.policy, self.level) = (policy, 0.0);
        let (items, ranks) = (std::mem::take(&mut self.items), std::mem::take(&mut self.ranks));
        for (item, (_, used)) in items.into_iter().zip(ranks) {
            self.insert_at((self.saves(&item), used), item);
        }
    }

    fn evict_to(&mut self, bytes: u64) -> u64 {
        let before = self.items.len();
        while self.size() > bytes {
            self.items.remove(0);
            self.level = self.ranks.remove(0).0;
        }
        (before - self.items.len()) as u64
    }
}
