//! Counts of calls.

use serde::{Deserialize, Serialize};

use crate::Call;

/// What became of a number of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Calls dispatched.
    pub calls: u64,
    /// The function's body ran.
    pub ran: u64,
    /// The cached value was served.
    pub replayed: u64,
    /// A provider or a recorded file stood in.
    pub replaced: u64,
    /// Calls that failed or were cancelled.
    pub failed: u64,
    /// Calls whose end the record does not know.
    pub open: u64,
    /// The time that the work took, in microseconds.
    #[serde(rename = "took")]
    pub took_us: u64,
    /// The compute time that replays saved, in microseconds.
    #[serde(rename = "saved")]
    pub saved_us: u64,
}

impl Tally {
    /// Counts a call.
    pub fn count(&mut self, call: &Call) {
        self.calls += 1;
        self.count_end(call.outcome.as_deref());
        self.took_us = self.took_us.saturating_add(call.took_us);
        self.saved_us = self.saved_us.saturating_add(call.saved_us);
    }

    pub(crate) fn count_end(&mut self, outcome: Option<&str>) {
        match outcome {
            None => self.open += 1,
            Some("ran") => self.ran += 1,
            Some("replayed") => self.replayed += 1,
            Some("failed" | "cancelled") => self.failed += 1,
            Some(_) => self.replaced += 1,
        }
    }
}
