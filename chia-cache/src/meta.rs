//! What the store keeps of an entry beside its value. Part of the on-disk format.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::{Codec, Facts, NewEntry, Origin, Provenance};

/// An entry without its tag and its value. The order of the fields is the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) function: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) codec: Codec,
    /// Milliseconds since 1970.
    pub(crate) created: u64,
    /// Microseconds.
    pub(crate) compute_time: Option<u64>,
    /// Bytes of the value.
    pub(crate) len: u64,
    /// The xxh3-128 of the value; a file of the Python original has none.
    pub(crate) checksum: Option<Checksum>,
    /// Of two entries of one tag, the one with the higher generation is the newer.
    pub(crate) generation: u64,
    pub(crate) provenance: Option<Box<Provenance>>,
    /// Milliseconds since 1970.
    pub(crate) expires: Option<u64>,
    pub(crate) pinned: bool,
    pub(crate) place: Place,
}

pub(crate) type Checksum = [u8; 16];

/// Where the value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// In the log, and after the next checkpoint in the index.
    Inline,
    /// In a file of ours.
    File {
        /// Whether the file was durable before the record that names it was written.
        synced: bool,
        /// Whether it is a pickle of `(tag, value)`, or the value as it is.
        pickle: bool,
        cut: Cut,
    },
    /// In a file that somebody put into the directory.
    Found {
        name: String,
        cut: Cut,
        /// What the file was when it became an entry. Files of format 1 have none.
        stamp: Option<Stamp>,
    },
}

/// What tells whether somebody has rewritten a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) len: u64,
    /// Nanoseconds since 1970.
    pub(crate) modified: u64,
    pub(crate) inode: u64,
}

/// How a value is cut out of its file: `prefix`, the file's bytes `start..end`, `suffix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cut {
    pub(crate) prefix: Vec<u8>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) suffix: Vec<u8>,
}

impl Cut {
    /// Bytes of the value; `None` if the numbers make no sense.
    pub(crate) fn len(&self) -> Option<u64> {
        let body = self.end.checked_sub(self.start)?;
        body.checked_add((self.prefix.len() + self.suffix.len()) as u64)
    }

    /// The file's first `len` bytes as they are.
    #[cfg(test)]
    pub(crate) fn whole(len: u64) -> Self {
        Self { prefix: Vec::new(), start: 0, end: len, suffix: Vec::new() }
    }
}

impl Meta {
    pub(crate) fn new(
        entry: &NewEntry,
        generation: u64,
        len: u64,
        checksum: Checksum,
        place: Place,
    ) -> Self {
        let provenance = &entry.provenance;
        let created = entry.created.map_or_else(now, millis);
        Self {
            function: entry.function.clone(),
            origin: entry.origin,
            codec: entry.codec,
            created,
            compute_time: entry.compute_time.map(|time| time.as_micros() as u64),
            len,
            checksum: Some(checksum),
            generation,
            provenance: (!provenance.is_empty()).then(|| Box::new(provenance.clone())),
            expires: entry.ttl.map(|ttl| created.saturating_add(ttl.as_millis() as u64)),
            pinned: entry.pinned,
            place,
        }
    }

    /// What the entry counts against the budget.
    pub(crate) fn cost(&self, tag: &str) -> u64 {
        cost(tag, self.len, self.facts_size())
    }

    /// What the entry's file was when it became an entry, if somebody else may rewrite it.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match self.place {
            Place::Found { stamp, .. } => stamp,
            _ => None,
        }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= now())
    }

    /// What a pinned entry counts against the budget; 0 if it is not pinned.
    pub(crate) fn pinned_cost(&self, tag: &str) -> u64 {
        if self.pinned { self.cost(tag) } else { 0 }
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.place == Place::Inline
    }

    pub(crate) fn cut(&self) -> Option<&Cut> {
        match &self.place {
            Place::Inline => None,
            Place::File { cut, .. } | Place::Found { cut, .. } => Some(cut),
        }
    }

    pub(crate) fn facts(&self, tag: &str, last_read: u64) -> Facts {
        Facts {
            tag: tag.to_owned(),
            function: self.function.clone(),
            origin: self.origin,
            size: self.len,
            created: time(self.created),
            last_read: (last_read > 0).then(|| time(last_read)),
            compute_time: self.compute_time.map(Duration::from_micros),
            codec: self.codec,
            provenance: self.provenance.as_deref().cloned().unwrap_or_default(),
            expires: self.expires.map(time),
            pinned: self.pinned,
        }
    }

    /// What the facts take, roughly, in bytes.
    fn facts_size(&self) -> usize {
        let provenance = self.provenance.as_ref().map_or(0, |provenance| provenance.size());
        self.function.as_ref().map_or(0, String::len) + provenance
    }
}

/// Facts up to this size, in bytes, do not count against the budget.
const FREE_FACTS: usize = 256;

/// What a value of `len` bytes under `tag` counts against the budget.
pub(crate) fn cost(tag: &str, len: u64, facts: usize) -> u64 {
    len.saturating_add((tag.len() + facts.saturating_sub(FREE_FACTS)) as u64)
}

pub(crate) fn checksum(value: &[u8]) -> Checksum {
    XxHash3_128::oneshot(value).to_le_bytes()
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    #[cfg(test)]
    if let Some(now) = crate::io::sim::now() {
        return now;
    }
    millis(SystemTime::now())
}

fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}
