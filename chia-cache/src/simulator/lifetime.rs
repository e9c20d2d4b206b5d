//! Pins and times to live: entries that must not leave, and entries that must not be served any more.

use super::oracle::Value;
use super::world::{Checked, Damage, World, violation};
use crate::io::sim::clock_now;
use crate::{ErrorKind, Result, Store, Written};

impl World {
    pub(super) fn pin(&mut self, store: &Store, tag: usize, pinned: bool) -> Checked {
        if self.oracle.tags[tag].live.len() > 1 {
            // Which of its values is pinned must be known.
            self.read(store, tag)?;
        }
        let name = &self.tags[tag];
        let changed = if pinned { store.pin(name) } else { store.unpin(name) };
        let live = self.oracle.tags[tag].live.clone();
        let durable = self.is_durable();
        let after = |value: Value| Some(Value { pinned: Some(pinned), ..value });
        match changed {
            Ok(false) => self.check_presence(store, tag, false),
            Ok(true) => {
                self.check_presence(store, tag, true)?;
                match <[_; 1]>::try_from(live) {
                    Ok([Some(value)]) => self.oracle.acknowledge(tag, after(value), durable),
                    Ok([None]) => {}
                    Err(live) => live.into_iter().flatten().for_each(|value| {
                        self.oracle.attempt(tag, &after(value));
                    }),
                }
                Ok(())
            }
            Err(error) => {
                for value in live.into_iter().flatten() {
                    self.oracle.attempt(tag, &after(value));
                }
                match error.kind() {
                    // Nothing that makes room needs it.
                    ErrorKind::Full if self.sim.is_full() => Ok(()),
                    _ => self.excuse("pin", &error),
                }
            }
        }
    }

    /// The value with the pin that it inherits and the time at which it expires.
    pub(super) fn lifetime_of(&self, tag: usize, value: Value, written: &Result<Written>) -> Value {
        let pin = |state: &Option<Value>| state.as_ref().map_or(Some(false), |old| old.pinned);
        let mut pins = self.oracle.tags[tag].live.iter().map(pin);
        let first = pins.next().flatten();
        let known = written.is_ok() && !self.may_lose(tag) && pins.all(|pin| pin == first);
        let pinned = if known { first } else { None };
        let expires = value.ttl.map(|ttl| (self.began + ttl, clock_now() + ttl));
        Value { pinned, expires, ..value }
    }

    /// Whether damage may have taken what is known of the entry.
    fn may_lose(&self, tag: usize) -> bool {
        self.damage != Damage::None || self.oracle.lossy.contains(&tag)
    }

    pub(super) fn may_be_expired(&self, tag: usize) -> bool {
        let values = self.oracle.tags[tag].live.iter().flatten();
        values.filter_map(|value| value.expires).any(|(earliest, _)| earliest <= clock_now())
    }

    /// An entry that is served has its pin, and has not expired.
    pub(super) fn check_facts(&self, tag: usize, value: &Value, pinned: bool) -> Checked {
        if value.pinned.is_some_and(|known| known != pinned) && !self.may_lose(tag) {
            return violation("wrong pin", format!("{:.20?} pinned: {pinned}", self.tags[tag]));
        }
        self.check_expiry(tag, Some(value))
    }

    /// What is reported as there has not expired.
    pub(super) fn check_lifetime(&self, tag: usize, present: bool) -> Checked {
        match (present, &self.oracle.tags[tag].live[..]) {
            (true, [state]) => self.check_expiry(tag, state.as_ref()),
            _ => Ok(()),
        }
    }

    fn check_expiry(&self, tag: usize, value: Option<&Value>) -> Checked {
        match value.and_then(|value| value.expires) {
            Some((_, latest)) if latest <= self.began => {
                violation("served after its time", format!("{:.20?}", self.tags[tag]))
            }
            _ => Ok(()),
        }
    }

    /// Before the entries are looked at after an opening: damage may have taken their pins.
    pub(super) fn doubt_pins(&mut self) {
        // A file that is adopted is not pinned if there is no room for one more.
        let crowded = self.check_pins_exceed(self.budget).is_ok();
        for tag in 0..self.tags.len() {
            if crowded || self.may_lose(tag) {
                self.oracle.forget_pin(tag);
            }
        }
    }

    /// An entry that went to make room was not pinned.
    pub(super) fn check_unpinned(&self, tag: usize) -> Checked {
        let mut pins = self.oracle.tags[tag].live.iter().flatten().map(|value| value.pinned);
        match pins.all(|pinned| pinned == Some(true)) && !self.may_lose(tag) {
            true => violation("a pinned entry was evicted", format!("{:.20?}", self.tags[tag])),
            false => Ok(()),
        }
    }

    /// The store refused something because the pinned entries take more than `bytes`.
    pub(super) fn check_pins_exceed(&self, bytes: u64) -> Checked {
        let largest = |tag: usize| {
            let live = self.oracle.tags[tag].live.iter().flatten();
            let pinned = live.filter(|value| value.pinned != Some(false));
            // A pickle is a little larger than what is in it.
            let cost = |value: &Value| self.tags[tag].len() + value.bytes.len() + 64;
            pinned.map(cost).max().unwrap_or(0) as u64
        };
        let pinned: u64 = (0..self.tags.len()).map(largest).sum();
        let doubt = self.damage != Damage::None || self.excused || !self.oracle.lossy.is_empty();
        match pinned > bytes || doubt {
            true => Ok(()),
            false => {
                violation("refused over pins", format!("{pinned} bytes are pinned of {bytes}"))
            }
        }
    }
}
