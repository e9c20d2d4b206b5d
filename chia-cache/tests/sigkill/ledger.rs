//! What the store has promised: kept by the parent from the child's reports, and held against the reopened store.

use std::collections::HashMap;

use chia_cache::Store;

use super::values;

/// One write, on a clock that ticks with every line of the reports.
#[derive(Clone, Copy, Debug)]
struct Write {
    seq: u64,
    /// Logical bytes: value and tag.
    size: u64,
    began: u64,
    /// `u64::MAX` until it is acknowledged.
    ended: u64,
}

/// The writes of a tag: the one that was last acknowledged, the one after it, and those before that
/// can have taken more room for a while.
#[derive(Clone, Debug, Default)]
struct Tag {
    acknowledged: Option<Write>,
    begun: Option<Write>,
    earlier: Vec<Write>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    clock: u64,
    tags: HashMap<String, Tag>,
}

/// What was seen after a kill.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) acknowledged: u64,
    pub(crate) in_flight: u64,
    /// Tags whose presence was owed: nothing could have evicted them.
    pub(crate) owed: u64,
    /// In-flight writes that were found in the store all the same.
    pub(crate) landed: u64,
}

impl Ledger {
    /// Takes one line of a report.
    pub(crate) fn line(&mut self, line: &str) {
        self.clock += 1;
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["B", tag, seq, len] => {
                let size = len.parse::<u64>().unwrap() + tag.len() as u64;
                let begun =
                    Write { seq: seq.parse().unwrap(), size, began: self.clock, ended: u64::MAX };
                self.tags.entry(tag.to_owned()).or_default().begun = Some(begun);
            }
            ["A", tag, seq] => {
                let tag = self.tags.get_mut(tag).expect("announced before");
                let write = tag.begun.take().expect("announced before");
                assert_eq!(write.seq.to_string(), seq, "a report out of order");
                tag.earlier.extend(tag.acknowledged.replace(Write { ended: self.clock, ..write }));
            }
            _ => {} // what the test harness prints
        }
    }

    /// Holds the reopened store against every promise, and starts anew from what is there.
    pub(crate) fn check(&mut self, store: &Store) -> Seen {
        let mut seen = Seen {
            acknowledged: self.count(|tag| tag.acknowledged.is_some()),
            in_flight: self.count(|tag| tag.begun.is_some()),
            ..Seen::default()
        };
        let owed: Vec<String> = self.tags.keys().filter(|tag| self.is_owed(tag)).cloned().collect();
        seen.owed = owed.len() as u64;
        let mut bytes = 0;
        let mut names: Vec<String> = self.tags.keys().cloned().collect();
        names.sort();
        for name in names {
            self.clock += 1;
            let tag = self.tags.get_mut(&name).expect("its own key");
            let found = store.read(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
            let seq = found.as_ref().map(|entry| values::seq_of(&name, &entry.value));
            assert!(
                seq.is_some() || !owed.contains(&name),
                "{name}: an acknowledged write is lost: {tag:?}"
            );
            let write = match seq {
                None => None,
                Some(seq) => {
                    let write = [tag.acknowledged, tag.begun]
                        .into_iter()
                        .flatten()
                        .find(|write| write.seq == seq);
                    seen.landed += u64::from(tag.begun.is_some_and(|write| write.seq == seq));
                    Some(write.unwrap_or_else(|| {
                        panic!("{name}: found write {seq:#x}, which is neither of {tag:?}")
                    }))
                }
            };
            // Reading it has refreshed it.
            tag.acknowledged =
                write.map(|write| Write { began: self.clock, ended: self.clock, ..write });
            tag.earlier.clear();
            tag.begun = None;
            bytes += write.map_or(0, |write| write.size);
        }
        assert_eq!(store.size_bytes(), bytes, "the store counts other bytes than it holds");
        assert!(bytes <= values::BUDGET, "{bytes} bytes in a budget of {}", values::BUDGET);
        seen
    }

    /// Whether nothing can have evicted the tag's last acknowledged write: all that may have come after it fits beside it.
    fn is_owed(&self, name: &str) -> bool {
        let Some(own) = self.tags[name].acknowledged else { return false };
        let others = self.tags.iter().filter(|(other, _)| *other != name);
        let after: u64 = others.map(|(_, tag)| newer_size(tag, own.began)).sum();
        let largest = self.tags[name].begun.map_or(0, |write| write.size).max(own.size);
        after + largest <= values::BUDGET
    }

    fn count(&self, which: impl Fn(&Tag) -> bool) -> u64 {
        self.tags.values().filter(|tag| which(tag)).count() as u64
    }
}

/// The most that a tag can have taken of the budget, for however short a time, since `began`.
fn newer_size(tag: &Tag, began: u64) -> u64 {
    let writes = tag.earlier.iter().chain(&tag.acknowledged).chain(&tag.begun);
    writes.filter(|write| write.ended > began).map(|write| write.size).max().unwrap_or(0)
}
