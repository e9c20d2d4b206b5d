//! Where a loop handle reports its calls: into the record of the run, or into what its task brings back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use chia_bypass::{Digest, Gate};
use chia_dispatch::{Error, ErrorKind, Resources};
use chia_services::codec;

use super::run::RunRecord;
use crate::envelope::Action;
use crate::outcome::{NestedCall, NestedEnd, Outcome};
use crate::registry::Slot;

/// A task reports this many of its own calls at most; the rest is counted in the summary alone.
const MOST_NESTED: usize = 10_000;

/// Where the calls of one loop handle are reported.
pub(crate) enum CallLog {
    /// The run keeps no record.
    Off,
    /// The record is in this process. `parent` is the call that the handle belongs to, 0 in the driver.
    Record { record: Arc<RunRecord>, parent: u64 },
    /// The record is in another process.
    Gathered(Mutex<Vec<NestedCall>>),
}

/// A call that is about to be dispatched.
pub(crate) struct Request<'a> {
    pub(crate) function: &'a str,
    pub(crate) tag: Option<&'a str>,
    /// The version that the function declares.
    pub(crate) version: Option<&'a str>,
    /// The action and the gate that led to it; `None` if the decision failed.
    pub(crate) decided: Option<(Action, Gate)>,
    pub(crate) rule: Option<chia_config::Location>,
    pub(crate) args: &'a [Slot],
    pub(crate) resources: &'a Resources,
}

/// A reported call, so that its end finds it. The default is a call that nobody records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The id in the record, or one more than the place among the gathered calls.
    pub(crate) id: u64,
    pub(super) queued_us: u64,
}

impl CallLog {
    /// Reports a call that is about to be dispatched.
    pub(crate) fn begin(&self, request: &Request<'_>) -> Entry {
        match self {
            Self::Off => Entry::default(),
            Self::Record { record, parent } => record.begin(request, *parent),
            Self::Gathered(calls) => {
                let call = NestedCall::new(request);
                let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
                if calls.len() == MOST_NESTED {
                    tracing::warn!(
                        "a task makes more than {MOST_NESTED} calls: the record lacks the others"
                    );
                }
                if calls.len() >= MOST_NESTED {
                    return Entry::default();
                }
                calls.push(call);
                Entry { id: calls.len() as u64, queued_us: 0 }
            }
        }
    }

    /// Reports the result of a call; `bytes` is the size of the encoded value. A value that came without
    /// an outcome was produced by a body of another language.
    pub(crate) fn end(&self, entry: Entry, outcome: Option<&Outcome>, bytes: usize) {
        match self {
            Self::Record { record, .. } if entry.id > 0 => record.end(entry, outcome, bytes as u64),
            Self::Gathered(_) => {
                if let Some(outcome) = outcome {
                    let (ended, bytes) = (SystemTime::now(), bytes as u64);
                    let outcome = Box::new(outcome.clone());
                    self.set_end(entry, NestedEnd::Done { ended, bytes, outcome });
                }
            }
            Self::Off | Self::Record { .. } => {}
        }
    }

    /// Reports that a call failed, with the calls that it made where the record is in another process.
    pub(crate) fn fail(&self, entry: Entry, error: &Error, calls: Vec<NestedCall>) {
        match self {
            Self::Record { record, .. } if entry.id > 0 => record.fail(entry, error, &calls),
            Self::Gathered(_) => {
                let (ended, kind) = (SystemTime::now(), how(error.kind()).to_owned());
                let error = error.to_string();
                self.set_end(entry, NestedEnd::Failed { ended, kind, error, calls });
            }
            Self::Off | Self::Record { .. } => {}
        }
    }

    /// Reports that the handle of a call was dropped before anybody asked for the result.
    pub(crate) fn leave(&self, entry: Entry) {
        if let (Self::Record { record, .. }, true) = (self, entry.id > 0) {
            record.leave(entry);
        }
    }

    /// The calls that were gathered for the driver.
    pub(crate) fn gathered(&self) -> Vec<NestedCall> {
        match self {
            Self::Gathered(calls) => {
                std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Off | Self::Record { .. } => Vec::new(),
        }
    }

    /// The record in this process.
    pub(crate) fn record(&self) -> Option<&Arc<RunRecord>> {
        match self {
            Self::Record { record, .. } => Some(record),
            Self::Off | Self::Gathered(_) => None,
        }
    }

    fn set_end(&self, entry: Entry, end: NestedEnd) {
        let Self::Gathered(calls) = self else { return };
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(entry.id).ok().and_then(|id| id.checked_sub(1));
        if let Some(call) = at.and_then(|at| calls.get_mut(at)) {
            call.end = end;
        }
    }
}

impl Request<'_> {
    pub(crate) fn decision(&self) -> &'static str {
        match self.decided {
            None => "",
            Some((Action::Run, _)) => "run",
            Some((Action::Provider, _)) => "provider",
            Some((Action::File, _)) => "file",
            Some((Action::Rehearse, _)) => "rehearse",
            Some((Action::Replay { .. }, _)) => "replay",
        }
    }

    /// The gate in one word, as serde writes it.
    pub(crate) fn reason(&self) -> String {
        let word = |gate: &Gate| serde_json::to_string(gate).unwrap_or_default();
        let word = self.decided.as_ref().map(|(_, gate)| word(gate)).unwrap_or_default();
        word.trim_matches('"').to_owned()
    }

    /// The hashes of the arguments, as the cache records them; those that are other calls' results are not known here.
    pub(super) fn hashes(&self) -> Vec<Option<u128>> {
        let hash = |slot: &Slot| match slot {
            Slot::Value(bytes) => Some(Digest::of(&codec::canonical(bytes)).0),
            Slot::Object(_) => None,
        };
        self.args.iter().map(hash).collect()
    }

    /// What the call asks for besides one `cpu`.
    pub(super) fn resources(&self) -> Option<String> {
        let usual =
            self.resources.iter().all(|(name, amount)| name == "cpu" && amount.get() == 1.0);
        (!usual).then(|| listed(self.resources))
    }
}

/// `cpu=2 gpu=1`.
pub(super) fn listed(resources: &Resources) -> String {
    let each = resources.iter().map(|(name, amount)| format!("{name}={}", amount.get()));
    each.collect::<Vec<_>>().join(" ")
}

/// The outcome of a failed call in a word.
pub(crate) fn how(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::Cancelled { "cancelled" } else { "failed" }
}
