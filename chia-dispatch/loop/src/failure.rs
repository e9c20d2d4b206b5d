//! The report of a task that failed: the calls that it made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use chia_bypass::Usage;
use chia_dispatch::Error;
use serde::{Deserialize, Serialize};

use crate::chia::Chia;
use crate::outcome::{NestedCall, Tally};

/// What a task that failed reports of the calls that it made. It travels with the task's error, as the
/// [`Outcome`](crate::Outcome) travels with a result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FailureReport {
    /// The serial number of the dispatch. A task whose argument failed passes the error of another
    /// dispatch on, together with the report of that one.
    serial: u64,
    pub(crate) nested: BTreeMap<String, Tally>,
    pub(crate) usage: Usage,
    pub(crate) calls: Vec<NestedCall>,
}

impl FailureReport {
    /// Adds the report of the task that `chia` belongs to, in place of one of a nested call.
    pub(crate) fn attach(chia: &Chia, serial: u64, error: Error) -> Error {
        let nested = chia.tallies();
        if nested.is_empty() {
            return error.with_report(None);
        }
        let (usage, calls) = (chia.rules().bypass.usage(), chia.log().gathered());
        let report = serde_json::to_string(&Self { serial, nested, usage, calls });
        if let Err(cause) = &report {
            tracing::warn!(%cause, "the nested calls of a failed task cannot be reported");
        }
        error.with_report(report.ok())
    }

    /// The report of this dispatch that an error brought, if the task made calls.
    pub(crate) fn of(error: &Error, serial: u64) -> Option<Self> {
        match serde_json::from_str::<Self>(error.report()?) {
            Ok(report) => (report.serial == serial).then_some(report),
            Err(cause) => {
                tracing::warn!(%cause, "the report of a failed task cannot be read");
                None
            }
        }
    }
}

/// The serial number of a dispatch, unlike any other of this process.
pub(crate) fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
