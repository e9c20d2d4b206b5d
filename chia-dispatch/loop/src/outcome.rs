//! How calls went: the outcome of one, the tally of many.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chia_bypass::Usage;
use chia_dispatch::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// How a call came to its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The function's body ran.
    Ran,
    /// A provider stood in.
    Provider,
    /// A recorded file was served.
    File,
    /// The cached value was served.
    Replayed,
}

impl Source {
    /// The source in a word: `ran`, `provider`, `file`, `replayed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Provider => "provider",
            Self::File => "file",
            Self::Replayed => "replayed",
        }
    }
}

/// What became of a result's way into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheWrite {
    /// The rules keep no result of this call.
    NotAsked,
    /// It was stored.
    Stored,
    /// It was there already; its recency was refreshed.
    Refreshed,
    /// The function's `keep_if` refused it.
    Rejected,
    /// A real result is there, and this one is a replacement: the real one was kept.
    KeptReal,
    /// It is larger than the whole budget.
    TooLarge,
    /// The write failed or timed out; the call did not.
    Failed,
    /// Writes are suspended after repeated time-outs.
    Suspended,
}

/// How a call went, as its worker saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the call came to its value.
    pub source: Source,
    /// How long the body, provider, file server or cache took.
    pub took: Duration,
    /// The compute time that a replayed entry once cost.
    pub saved: Duration,
    /// What became of the result's way into the cache.
    pub write: CacheWrite,
    /// The node that it ran on.
    pub node: String,
    /// The process that it ran in.
    pub pid: u32,
    /// What differs between the call and the recorded result that was served all the same.
    pub stale: Option<String>,
    /// Why the call ran although it was to be replayed.
    pub missed: Option<String>,
    /// The calls that this one made in turn, by function.
    pub nested: BTreeMap<String, Tally>,
    /// The rules that those calls met, where they were decided on another node or process.
    pub usage: Usage,
    /// When the work started, by the clock of the node.
    pub started: SystemTime,
    /// The nested calls one by one, where the record of the run is in another process.
    pub(crate) calls: Vec<NestedCall>,
}

/// What became of the calls of one function.
///
/// Calls whose result nobody asked for are counted in `calls` and nowhere else. The nested calls of a
/// call that was cancelled, or whose process died, are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Calls dispatched.
    pub calls: u64,
    /// The function's body ran.
    pub ran: u64,
    /// A provider stood in.
    pub provided: u64,
    /// A recorded file was served.
    pub served: u64,
    /// The cached value was served.
    pub replayed: u64,
    /// The cached value was served although the call differs from the recorded one.
    pub stale: u64,
    /// Results stored in the cache.
    pub written: u64,
    /// Results that were computed although the cache had the same value already.
    pub refreshed: u64,
    /// Results that were to be kept and were not: the write failed, timed out, was suspended, or the
    /// value is larger than the cache.
    pub unwritten: u64,
    /// Results that the function's `keep_if` refused.
    pub rejected: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that were cancelled, or failed because a call that they waited for was.
    #[serde(default)]
    pub cancelled: u64,
    /// The time that bodies and replacements took, from start to end: a body that waits for nested calls
    /// counts its wait, and they count their own time again.
    pub spent: Duration,
    /// The compute time that the replayed results once cost.
    pub saved: Duration,
}

impl Tally {
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        match outcome.source {
            Source::Ran => self.ran += 1,
            Source::Provider => self.provided += 1,
            Source::File => self.served += 1,
            Source::Replayed => self.replayed += 1,
        }
        self.stale += u64::from(outcome.stale.is_some());
        match outcome.write {
            CacheWrite::NotAsked | CacheWrite::KeptReal => {}
            CacheWrite::Rejected => self.rejected += 1,
            CacheWrite::Stored => self.written += 1,
            CacheWrite::Refreshed => self.refreshed += 1,
            CacheWrite::TooLarge | CacheWrite::Failed | CacheWrite::Suspended => {
                self.unwritten += 1;
            }
        }
        self.spent += outcome.took;
        self.saved += outcome.saved;
    }

    pub(crate) fn count_failure(&mut self, error: &Error) {
        match error.kind() {
            ErrorKind::Cancelled => self.cancelled += 1,
            _ => self.failed += 1,
        }
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.ran += other.ran;
        self.provided += other.provided;
        self.served += other.served;
        self.replayed += other.replayed;
        self.stale += other.stale;
        self.written += other.written;
        self.refreshed += other.refreshed;
        self.unwritten += other.unwritten;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.spent += other.spent;
        self.saved += other.saved;
    }
}

/// A call that a task made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NestedCall {
    pub(crate) function: String,
    pub(crate) tag: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) decision: String,
    pub(crate) reason: String,
    pub(crate) rule: Option<String>,
    pub(crate) args: Vec<Option<u128>>,
    pub(crate) resources: Option<String>,
    pub(crate) queued: SystemTime,
    pub(crate) end: NestedEnd,
}

/// How a nested call ended, as far as the task saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NestedEnd {
    /// The task did not await it.
    Open,
    /// It has a result.
    Done { ended: SystemTime, bytes: u64, outcome: Box<Outcome> },
    /// It failed.
    Failed { ended: SystemTime, kind: String, error: String, calls: Vec<NestedCall> },
}
