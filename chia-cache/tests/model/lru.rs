//! The rules of the store in memory, as plainly as they can be said. It shares nothing with the store.

use std::time::Duration;

use chia_cache::{Origin, Written};

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

/// A store with a budget: the least recently used item comes first.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    pub(crate) budget: u64,
    pub(crate) items: Vec<Item>,
}

impl Lru {
    pub(crate) fn size(&self) -> u64 {
        self.items.iter().map(Item::size).sum()
    }

    /// The item under a tag, without refreshing it.
    pub(crate) fn get(&self, tag: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.tag == tag)
    }

    fn take(&mut self, tag: &str) -> Option<Item> {
        let at = self.items.iter().position(|item| item.tag == tag)?;
        Some(self.items.remove(at))
    }

    /// The item under a tag, which becomes the most recently used one.
    pub(crate) fn read(&mut self, tag: &str) -> Option<&Item> {
        let item = self.take(tag)?;
        self.items.push(item);
        self.items.last()
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
        self.items.push(new);
        Written::Stored { collision }
    }

    pub(crate) fn evict(&mut self, tag: &str) -> bool {
        self.take(tag).is_some()
    }

    /// Sets the budget; how many items had to go.
    pub(crate) fn set_budget(&mut self, budget: u64) -> u64 {
        self.budget = budget;
        self.evict_to(budget)
    }

    fn evict_to(&mut self, bytes: u64) -> u64 {
        let before = self.items.len();
        while self.size() > bytes {
            self.items.remove(0);
        }
        (before - self.items.len()) as u64
    }
}
