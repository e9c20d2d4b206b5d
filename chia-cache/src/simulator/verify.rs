//! Checks: of one answer, of everything after an opening, of sizes.

use super::operate::describe;
use super::oracle::{State, Value};
use super::world::{Checked, Damage, World, violation};
use crate::{Entry, Store};

/// How many tags without doubt are read after an opening.
const SAMPLE: usize = 200;

impl World {
    /// Whether the tag's entry may be lost because of damage, and whether that was reported.
    fn check_lost(&mut self, store: &Store, tag: usize) -> Checked {
        let had = describe(&self.oracle.tags[tag].live);
        let what = format!("{:.40?}, which had {had}; {:?}", self.tags[tag], store.open_report());
        if self.damage == Damage::None && !self.oracle.lossy.contains(&tag) {
            return violation("lost", what);
        }
        // A pickle that was rewritten in place is an entry only if there is room for it.
        let found = self.oracle.tags[tag].live.iter().flatten().any(|value| value.foreign);
        if !found && !self.is_reported(store) {
            return violation("lost without a report", what);
        }
        self.oracle.lossy.remove(&tag);
        if self.damage == Damage::Lasting {
            // It may only be hidden until the index is rebuilt.
            let hidden = self.oracle.tags[tag].live.clone();
            self.oracle.tags[tag].refused.extend(hidden);
        }
        let durable = self.is_durable();
        self.oracle.acknowledge(tag, None, durable);
        Ok(())
    }

    /// Whether the store says that something was lost, or cannot know it: a key of the index that was
    /// changed is a plain miss until the index is rebuilt, and a last record that was damaged looks like one
    /// that was never finished.
    fn is_reported(&self, store: &Store) -> bool {
        let report = store.open_report();
        self.tail_hit
            || self.damage == Damage::Lasting
            || !report.quarantined.is_empty()
            || !report.lost.is_empty()
            || !report.ignored.is_empty()
            || store.stats().quarantined > 0
    }

    pub(super) fn check_entry(
        &mut self,
        store: &Store,
        tag: usize,
        entry: Option<Entry>,
    ) -> Checked {
        let Some(entry) = entry else { return self.check_presence(store, tag, false) };
        let live = &self.oracle.tags[tag].live;
        let is_it = |value: &&Value| value.is(&entry);
        let pinned = entry.facts.pinned;
        let exactly = |value: &&Value| value.is(&entry) && value.pinned.is_none_or(|p| p == pinned);
        let found = live.iter().flatten().find(exactly);
        match found.or_else(|| live.iter().flatten().find(is_it)).cloned() {
            Some(value) => {
                self.check_facts(tag, &value, pinned)?;
                self.oracle.observe(tag, Some(Value { pinned: Some(pinned), ..value }));
                Ok(())
            }
            None if self.has_regressed(tag, &entry) => match self.is_reported(store) {
                true => Ok(()),
                false => violation("went back without a report", format!("{:?}", self.tags[tag])),
            },
            None => {
                let live = &self.oracle.tags[tag].live;
                let head = &entry.value[..entry.value.len().min(8)];
                let (len, facts) = (entry.value.len(), &entry.facts);
                violation(
                    "wrong value",
                    format!(
                        "{:.20?} is {len} bytes {head:?} {:?} {:.10?}, not {}",
                        self.tags[tag],
                        facts.origin,
                        facts.function,
                        describe(live)
                    ),
                )
            }
        }
    }

    /// Whether the entry is an earlier one that a destroyed record had replaced.
    fn has_regressed(&mut self, tag: usize, entry: &Entry) -> bool {
        let lossy = self.damage != Damage::None || self.oracle.lossy.contains(&tag);
        let allowed = &self.oracle.tags[tag];
        let refused = allowed.refused.iter().filter(|_| lossy);
        let is_it = |state: &&State| state.as_ref().is_some_and(|old| old.is(entry));
        // Of two losses, the second may hide what the first had replaced; so may the loss of the record
        // that says that a file had been synced.
        let hides = self.damage != Damage::None || !self.is_durable();
        let twice = hides && self.oracle.lossy.contains(&tag);
        let earlier = allowed.earlier.iter().filter(|_| twice);
        let found = allowed.regressed.iter().chain(refused).chain(earlier).find(is_it).cloned();
        let known = found.is_some();
        if let Some(Some(value)) = found {
            let pinned = Some(entry.facts.pinned);
            self.oracle.observe(tag, Some(Value { pinned, ..value }));
        }
        known
    }

    pub(super) fn check_presence(&mut self, store: &Store, tag: usize, present: bool) -> Checked {
        if !present && self.may_be_expired(tag) {
            // It is there still, until room is needed.
            return Ok(());
        }
        let allowed = &mut self.oracle.tags[tag];
        match present {
            true if allowed.live.iter().any(Option::is_some) => {
                allowed.live.retain(Option::is_some);
                Ok(())
            }
            true if !allowed.regressed.is_empty() => Ok(()),
            true => violation("came back", format!("{:?}", self.tags[tag])),
            false if allowed.may_be_absent() => {
                self.oracle.observe(tag, None);
                Ok(())
            }
            false => self.check_lost(store, tag),
        }
    }

    /// Looks at everything after an opening.
    pub(super) fn verify_opened(&mut self) -> Checked {
        let Some(store) = self.store.clone() else { return Ok(()) };
        if self.verbose {
            println!("      opened: {:?}", store.open_report());
            println!("      files: {:?}", self.sim.files());
        }
        self.expect_pickles();
        self.check_intact()?;
        self.doubt_pins();
        let Some(present) = self.present(&store)? else { return Ok(()) };
        self.check_evicted(&store, &present)?;
        let every = (self.tags.len() / SAMPLE).max(1);
        for (tag, here) in present.iter().copied().enumerate() {
            let doubt = self.oracle.tags[tag].live.len() > 1 || self.damage != Damage::None;
            let lossy = self.oracle.lossy.contains(&tag);
            if doubt || lossy || tag % every == 0 && here {
                self.read(&store, tag)?;
            } else {
                self.check_presence(&store, tag, here)?;
            }
        }
        self.check_budget(&store)?;
        let rebuilt = store.open_report().quarantined.iter().any(|one| one.name.contains("index"));
        if self.damage == Damage::UntilOpened || rebuilt {
            self.damage = Damage::None;
        }
        self.tail_hit = false;
        self.oracle.opened();
        self.check_bytes(&store)?;
        self.forget_lost_pickles();
        Ok(())
    }

    /// Which tags have an entry; `None` if an injected fault hides it.
    fn present(&mut self, store: &Store) -> Checked<Option<Vec<bool>>> {
        let keys = match store.keys() {
            Ok(keys) => keys,
            Err(error) => {
                self.excuse("list the keys", &error)?;
                return Ok(None);
            }
        };
        let known: std::collections::HashSet<&String> = self.tags.iter().collect();
        for unknown in keys.iter().filter(|key| !known.contains(key)) {
            // A changed key of the index is listed until the index is rebuilt, and never served.
            if self.damage != Damage::Lasting || !matches!(store.read(unknown), Ok(None)) {
                return violation("wrong value", format!("{unknown:?} was never written"));
            }
        }
        Ok(Some(self.tags.iter().map(|tag| keys.binary_search(tag).is_ok()).collect()))
    }

    /// What an opening evicted, because the budget is smaller than before, is gone for good.
    fn check_evicted(&mut self, store: &Store, present: &[bool]) -> Checked {
        let late = std::mem::take(&mut self.evicted_late);
        let evicted = if late { u64::MAX } else { store.open_report().evicted };
        if evicted == 0 {
            return Ok(());
        }
        let gone: Vec<usize> = (0..present.len())
            .filter(|tag| !present[*tag] && self.oracle.tags[*tag].live.iter().any(Option::is_some))
            .collect();
        let surely = gone.iter().filter(|tag| !self.oracle.tags[**tag].may_be_absent()).count();
        if surely as u64 <= evicted && self.may_need_room() {
            let durable = self.is_durable();
            gone.into_iter().for_each(|tag| self.oracle.acknowledge(tag, None, durable));
        }
        Ok(())
    }

    /// Whether everything that there may be is more than the budget.
    fn may_need_room(&self) -> bool {
        let largest = |tag: usize| {
            let size = |value: &Value| (self.tags[tag].len() + value.bytes.len()) as u64;
            self.oracle.tags[tag].live.iter().flatten().map(size).max().unwrap_or(0)
        };
        // A pickle is a little larger than what is in it.
        let all: u64 = (0..self.tags.len()).map(largest).sum();
        all + 64 * self.pickles.len() as u64 > self.budget
    }

    /// After an operation that may have evicted others: whatever is gone has been evicted.
    pub(super) fn after_eviction(&mut self, store: &Store, before: u64, done: bool) -> Checked {
        if done && store.stats().evictions == before {
            return Ok(());
        }
        if self.sim.has_crashed() && !done {
            // What was evicted before the crash cannot be seen any more.
            if self.may_need_room() {
                (0..self.tags.len()).for_each(|tag| self.oracle.attempt(tag, &None));
            }
            return Ok(());
        }
        let durable = self.is_durable();
        let Some(present) = self.present(store)? else {
            (0..self.tags.len()).for_each(|tag| self.oracle.attempt(tag, &None));
            return Ok(());
        };
        for (tag, present) in present.into_iter().enumerate() {
            let had = self.oracle.tags[tag].live.iter().any(Option::is_some);
            if had && !present && !self.oracle.tags[tag].may_be_absent() {
                if done {
                    self.check_unpinned(tag)?;
                }
                match done {
                    true => self.oracle.acknowledge(tag, None, durable),
                    false => self.oracle.attempt(tag, &None),
                }
            }
        }
        Ok(())
    }

    /// The bytes that count against the budget are those of the entries.
    fn check_bytes(&self, store: &Store) -> Checked {
        let cost = |tag: &String| {
            let found = store.inner().find(tag, false).ok().flatten();
            found.map_or(0, |found| found.meta.cost(tag))
        };
        let (counted, bytes) = (store.size_bytes(), self.tags.iter().map(cost).sum::<u64>());
        match counted == bytes || self.damage != Damage::None || self.excused {
            true => Ok(()),
            false => violation("miscounted", format!("{counted} bytes, {bytes} in the entries")),
        }
    }

    pub(super) fn check_budget(&self, store: &Store) -> Checked {
        let (bytes, budget) = (store.size_bytes(), store.budget().bytes());
        match bytes <= budget || self.excused || self.sim.has_crashed() {
            true => Ok(()),
            false => violation("over budget", format!("{bytes} bytes in a budget of {budget}")),
        }
    }

    /// The log is bounded by its own bytes, as the tuning says.
    pub(super) fn check_log(&self) -> Checked {
        if !self.version.is_multiple_of(32) || self.excused || self.sim.is_full() {
            return Ok(());
        }
        let is_log = |path: &std::path::Path| {
            path.starts_with("/cache/.chia")
                && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log"))
        };
        let files = self.sim.files();
        let bytes: u64 = files.iter().filter(|(path, _)| is_log(path)).map(|(_, len)| len).sum();
        let bound = 8 * self.profile.tuning.checkpoint_at as u64 + 4 * self.largest + (64 << 10);
        match bytes <= bound {
            true => Ok(()),
            false => violation("log without a bound", format!("{bytes} bytes, more than {bound}")),
        }
    }

    pub(super) fn check_all(&mut self, store: &Store) -> Checked {
        let Some(present) = self.present(store)? else { return Ok(()) };
        for (tag, present) in present.iter().enumerate() {
            if self.damage == Damage::None && !self.oracle.lossy.contains(&tag) {
                self.check_presence(store, tag, *present)?;
            }
        }
        let (stats, count) = (store.stats(), present.iter().filter(|present| **present).count());
        match stats.entries == count as u64 || self.damage != Damage::None || self.excused {
            true => self.check_bytes(store).and_then(|()| self.check_budget(store)),
            false => violation("miscounted", format!("{} entries, {count} keys", stats.entries)),
        }
    }
}
