//! What a run did, function by function.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::envelope::{CacheWrite, Outcome, Source};

/// What became of the calls of one function.
///
/// Calls whose result nobody asked for are counted in `calls` and nowhere else. The nested calls of a
/// call that failed are not told.
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
    /// Results stored in the cache.
    pub written: u64,
    /// Results that were in the cache already, replayed ones among them.
    pub refreshed: u64,
    /// Results that were to be kept and were not: the write failed, timed out, was suspended, or the
    /// value is larger than the cache.
    pub unwritten: u64,
    /// Calls that failed.
    pub failed: u64,
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
            Source::Replayed => {
                self.replayed += 1;
                self.refreshed += 1;
            }
        }
        match outcome.write {
            CacheWrite::NotAsked | CacheWrite::KeptReal => {}
            CacheWrite::Stored => self.written += 1,
            CacheWrite::Refreshed => self.refreshed += 1,
            CacheWrite::TooLarge | CacheWrite::Failed | CacheWrite::Suspended => {
                self.unwritten += 1;
            }
        }
        self.spent += outcome.took;
        self.saved += outcome.saved;
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.ran += other.ran;
        self.provided += other.provided;
        self.served += other.served;
        self.replayed += other.replayed;
        self.written += other.written;
        self.refreshed += other.refreshed;
        self.unwritten += other.unwritten;
        self.failed += other.failed;
        self.spent += other.spent;
        self.saved += other.saved;
    }
}

/// What a run did, function by function; nested calls are counted with the function they call.
///
/// Prints as a table for people ([`Display`](fmt::Display)) and serialises for machines; durations
/// are `{"secs": …, "nanos": …}` there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// By function name.
    pub functions: BTreeMap<String, Tally>,
}

impl Summary {
    /// All functions together.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.functions.values() {
            total.add(tally);
        }
        total
    }
}

const HEAD: [&str; 12] = [
    "function",
    "calls",
    "ran",
    "replayed",
    "provided",
    "served",
    "written",
    "refreshed",
    "unwritten",
    "failed",
    "spent",
    "saved",
];

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.functions.iter().map(|(name, tally)| row(name, tally)));
        if self.functions.len() > 1 {
            rows.push(row("total", &self.total()));
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..HEAD.len()).filter_map(width).collect();
        for row in &rows {
            write!(f, "{:<1$}", row[0], widths[0])?;
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn row(name: &str, tally: &Tally) -> [String; 12] {
    let count = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
    let time = |time: Duration| if time.is_zero() { "-".to_owned() } else { format!("{time:.1?}") };
    [
        name.to_owned(),
        tally.calls.to_string(),
        count(tally.ran),
        count(tally.replayed),
        count(tally.provided),
        count(tally.served),
        count(tally.written),
        count(tally.refreshed),
        count(tally.unwritten),
        count(tally.failed),
        time(tally.spent),
        time(tally.saved),
    ]
}
