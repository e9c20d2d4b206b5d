//! The store's operations, each answer checked.

use std::sync::Arc;
use std::time::Duration;

use super::oracle::{State, Value};
use super::plan::Step;
use super::world::{Checked, World, violation};
use crate::io::sim::clock_now;
use crate::{
    ByteSize, Codec, Entry, ErrorKind, NewEntry, Origin, Replay, ReplayMiss, Result, Store, Written,
};

impl World {
    pub(super) fn operate(&mut self, step: &Step) -> Checked {
        self.operations += 1;
        let store = self.opened()?;
        self.began = clock_now();
        match step {
            Step::Pin { tag, pinned } => self.pin(&store, *tag, *pinned),
            Step::WriteFor { tag, size, millis } => {
                let value = self.value(*size, Origin::Real, 0);
                self.write(&store, *tag, Value { ttl: Some(*millis), ..value }, false)
            }
            Step::Look => self.look(&store),
            Step::Write { tag, size, origin, function, stream } => {
                let value = self.value(*size, *origin, *function);
                self.write(&store, *tag, value, *stream)
            }
            Step::Rewrite { tag, stream } => match self.oracle.tags[*tag].live.last() {
                Some(Some(value)) if !value.foreign => {
                    self.write(&store, *tag, value.clone(), *stream)
                }
                _ => Ok(()),
            },
            Step::Overwrite { first, tags, size, count } => {
                for at in 0..*count {
                    if self.sim.has_crashed() {
                        break;
                    }
                    self.operations += 1;
                    let value = self.value(*size, Origin::Real, 0);
                    self.write(&store, (first + at % tags) % self.tags.len(), value, false)?;
                }
                Ok(())
            }
            Step::Read { tag } => self.read(&store, *tag),
            Step::ReadInto { tag } => self.read_into(&store, *tag),
            Step::ReadAll => (0..self.tags.len()).try_for_each(|tag| self.read(&store, tag)),
            Step::Replay { tag, function } => self.replay(&store, *tag, *function),
            Step::Has { tag } => match store.has(&self.tags[*tag]) {
                Ok(has) => {
                    self.check_lifetime(*tag, has)?;
                    self.check_presence(&store, *tag, has)
                }
                Err(error) => self.excuse("has", &error),
            },
            Step::Evict { tag } => self.evict(&store, *tag),
            Step::Clear => self.clear(&store),
            Step::SetBudget { percent } => {
                self.budget = self.profile.budget * percent / 100;
                let before = store.stats().evictions;
                let changed = store.set_budget(ByteSize::new(self.budget));
                self.after_eviction(&store, before, changed.is_ok())?;
                match changed {
                    Ok(()) => self.check_budget(&store),
                    Err(error) if matches!(error.kind(), ErrorKind::Pinned) => {
                        let refused = self.check_pins_exceed(self.budget);
                        self.budget = store.budget().bytes();
                        refused
                    }
                    Err(error) => self.excuse("set the budget", &error),
                }
            }
            Step::Check => self.check_all(&store),
            Step::Sync => {
                if store.inner().sync_all().is_ok() && !self.sim.has_crashed() {
                    self.oracle.synced();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn value(&mut self, size: usize, origin: Origin, function: usize) -> Value {
        self.version += 1;
        let mut bytes = self.version.to_le_bytes().to_vec();
        bytes
            .extend((8..size).map(|at| (at as u64 ^ self.version.wrapping_mul(0x9e37_79b9)) as u8));
        bytes.truncate(size);
        let function = self.profile.function_name(function).map(Into::into);
        // What a value costs has nothing to do with its size.
        let cost =
            if self.profile.all_steps { self.version.wrapping_mul(7919) % 100_000 } else { 0 };
        Value {
            bytes: bytes.into(),
            origin,
            function,
            foreign: false,
            pinned: Some(false),
            ttl: None,
            expires: None,
            compute_time: Duration::from_millis(cost),
        }
    }

    pub(super) fn write(
        &mut self,
        store: &Store,
        tag: usize,
        value: Value,
        stream: bool,
    ) -> Checked {
        let name = self.tags[tag].clone();
        let before = store.stats().evictions;
        let written = write(store, &name, &value, stream);
        let record =
            name.len() + value.bytes.len() + value.function.as_ref().map_or(0, |f| f.len());
        self.largest = self.largest.max(record as u64);
        self.settle_write(store, tag, value, &written)?;
        self.after_eviction(store, before, written.is_ok())?;
        self.check_budget(store)?;
        self.check_log()
    }

    pub(super) fn settle_write(
        &mut self,
        store: &Store,
        tag: usize,
        value: Value,
        written: &Result<Written>,
    ) -> Checked {
        let value = self.lifetime_of(tag, value, written);
        let durable = self.is_durable();
        let same =
            |old: &&State| old.as_ref().is_some_and(|old| old.bytes == value.bytes || old.foreign);
        let live = &self.oracle.tags[tag].live;
        match written {
            // The write itself was acknowledged before its process died.
            Ok(Written::Stored { .. }) => {
                self.oracle.stored[tag] = self.version;
                self.oracle.acknowledge(tag, Some(value), durable);
            }
            Ok(Written::Refreshed) => match live.iter().find(same).cloned() {
                Some(state) => self.oracle.acknowledge(tag, state, durable),
                None => {
                    let what = format!("{:?} has {}", self.tags[tag], describe(live));
                    return violation("refreshed what is not there", what);
                }
            },
            Ok(Written::KeptReal) => {
                let real = |old: &State| old.as_ref().is_some_and(|old| old.origin.is_original());
                if value.origin.is_original() || !live.iter().any(real) {
                    return violation("kept a real result that is none", describe(live));
                }
                self.oracle.tags[tag].refused.push(Some(value));
            }
            Ok(Written::TooLarge) => {
                let cost = self.tags[tag].len() + value.bytes.len();
                if cost as u64 <= store.budget().bytes() {
                    return violation("refused as too large", format!("{cost} bytes"));
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::Pinned) => {
                let cost = self.tags[tag].len() + value.bytes.len();
                self.oracle.attempt(tag, &Some(value));
                self.check_pins_exceed(store.budget().bytes().saturating_sub(cost as u64))?;
            }
            Err(error) => {
                self.oracle.attempt(tag, &Some(value));
                self.excuse("write", error)?;
            }
        }
        Ok(())
    }

    fn evict(&mut self, store: &Store, tag: usize) -> Checked {
        let evicted = store.evict(&self.tags[tag]);
        self.settle_eviction(store, tag, &evicted)
    }

    pub(super) fn settle_eviction(
        &mut self,
        store: &Store,
        tag: usize,
        evicted: &Result<bool>,
    ) -> Checked {
        match evicted {
            Ok(true) => {
                self.oracle.acknowledge(tag, None, self.is_durable());
                Ok(())
            }
            Ok(false) => self.check_presence(store, tag, false),
            Err(error) => {
                self.oracle.attempt(tag, &None);
                self.excuse("evict", error)
            }
        }
    }

    fn clear(&mut self, store: &Store) -> Checked {
        let cleared = store.clear();
        for tag in 0..self.tags.len() {
            match &cleared {
                Ok(_) => self.oracle.acknowledge(tag, None, self.is_durable()),
                Err(_) => self.oracle.attempt(tag, &None),
            }
        }
        cleared.map(drop).or_else(|error| self.excuse("clear", &error))
    }

    pub(super) fn read(&mut self, store: &Store, tag: usize) -> Checked {
        match store.read(&self.tags[tag]) {
            Ok(entry) => self.check_entry(store, tag, entry),
            Err(error) => self.excuse("read", &error),
        }
    }

    fn read_into(&mut self, store: &Store, tag: usize) -> Checked {
        let mut value = Vec::new();
        match store.read_into(&self.tags[tag], &mut value) {
            Ok(facts) => {
                let entry = facts.map(|facts| Entry { value: value.into(), facts });
                self.check_entry(store, tag, entry)
            }
            Err(error) if matches!(error.kind(), crate::ErrorKind::Corrupt) => {
                self.check_presence(store, tag, false)
            }
            Err(error) => self.excuse("read", &error),
        }
    }

    fn replay(&mut self, store: &Store, tag: usize, function: usize) -> Checked {
        let function = self.profile.function_name(function).unwrap_or_default();
        let replay = match store.replay(&self.tags[tag], &function) {
            Ok(replay) => replay,
            Err(error) => return self.excuse("replay", &error),
        };
        let live = &self.oracle.tags[tag].live;
        let any = |is: &dyn Fn(&Value) -> bool| live.iter().flatten().any(is);
        let other = |old: &Value| old.function.as_deref().is_some_and(|old| *old != *function);
        match replay {
            Replay::Hit(entry) => {
                let real = entry.facts.origin.is_original();
                let same = entry.facts.function.as_ref().is_none_or(|made| *made == function);
                if !real || !same {
                    return violation("wrong value", format!("replayed {:?}", entry.facts));
                }
                self.check_entry(store, tag, Some(entry))
            }
            Replay::Miss(ReplayMiss::Absent | ReplayMiss::Damaged) => {
                self.check_presence(store, tag, false)
            }
            Replay::Miss(ReplayMiss::Replacement { .. })
                if any(&|old| !old.origin.is_original()) =>
            {
                Ok(())
            }
            Replay::Miss(ReplayMiss::OtherFunction { .. }) if any(&other) => Ok(()),
            miss => violation("wrong value", format!("{miss:?} where there is {}", describe(live))),
        }
    }
}

/// Writes a value, one way or the other.
pub(super) fn write(store: &Store, tag: &str, value: &Value, stream: bool) -> Result<Written> {
    let mut entry = NewEntry::new(value.origin).codec(Codec::Raw);
    if let Some(function) = &value.function {
        entry = entry.function(&**function);
    }
    if let Some(millis) = value.ttl {
        entry = entry.ttl(Duration::from_millis(millis));
    }
    if !value.compute_time.is_zero() {
        entry = entry.compute_time(value.compute_time);
    }
    let bytes = Arc::clone(&value.bytes);
    match stream {
        true => store.write_from(tag, &mut &*bytes, &entry),
        false => store.write(tag, &*bytes, &entry),
    }
}

pub(super) fn describe(states: &[State]) -> String {
    let state =
        |state: &State| state.as_ref().map_or_else(|| "nothing".to_owned(), Value::describe);
    states.iter().map(state).collect::<Vec<_>>().join(" or ")
}
