//! What an example reports of a run.

use serde::Deserialize;

/// The fields of a report that the sentences need; the others are for programs.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    /// Calls that were made.
    pub(super) calls: u64,
    /// Calls that ran for real.
    pub(super) ran: u64,
    /// Calls whose result came from the cache.
    pub(super) replayed: u64,
    /// Of those, calls that differ from the recorded ones.
    pub(super) stale: u64,
    /// Results that were written to the cache.
    pub(super) written: u64,
    /// Wall time.
    pub(super) seconds: f64,
    /// Time that the replayed calls took when they ran.
    pub(super) saved_seconds: f64,
    /// What the loop computed.
    pub(super) results: serde_json::Value,
}

impl Report {
    /// The last result, where results are names.
    pub(super) fn winner(&self) -> &str {
        let last = self.results.as_array().and_then(|results| results.last());
        last.and_then(serde_json::Value::as_str).unwrap_or("none")
    }
}
