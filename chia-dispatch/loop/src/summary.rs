//! What a run did, function by function.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chia_bypass::Unused;
use serde::{Deserialize, Serialize};

use crate::outcome::Tally;

/// What a run did, function by function; nested calls are counted with the function they call.
///
/// Prints as a table for people ([`Display`](fmt::Display)) and serialises for machines; durations
/// are `{"secs": …, "nanos": …}` there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// By function name.
    pub functions: BTreeMap<String, Tally>,
    /// From the dispatch of the first call to the end of the last one, among the calls of the driver
    /// whose results were awaited.
    #[serde(default)]
    pub makespan: Duration,
    /// How long those calls waited from dispatch to start, by the resources that they asked for; calls
    /// that asked for none but `cpu` count there. The wait for arguments is part of it.
    #[serde(default)]
    pub waited: BTreeMap<String, Duration>,
    /// What had no effect so far: rules that no call met, patterns that never matched, providers and
    /// conditions never used.
    #[serde(default)]
    pub no_effect: Vec<Unused>,
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

/// A column of the table: its heading, and its cell for a tally.
type Column = (&'static str, fn(&Tally) -> String);

const COLUMNS: [Column; 14] = [
    ("calls", |tally| tally.calls.to_string()),
    ("ran", |tally| count(tally.ran)),
    ("replayed", |tally| count(tally.replayed)),
    ("stale", |tally| count(tally.stale)),
    ("provided", |tally| count(tally.provided)),
    ("served", |tally| count(tally.served)),
    ("written", |tally| count(tally.written)),
    ("refreshed", |tally| count(tally.refreshed)),
    ("rejected", |tally| count(tally.rejected)),
    ("unwritten", |tally| count(tally.unwritten)),
    ("failed", |tally| count(tally.failed)),
    ("cancelled", |tally| count(tally.cancelled)),
    ("spent", |tally| time(tally.spent)),
    ("saved", |tally| time(tally.saved)),
];

/// What a cell without anything to show holds.
const NOTHING: &str = "-";

fn count(count: u64) -> String {
    if count == 0 { NOTHING.to_owned() } else { count.to_string() }
}

fn time(time: Duration) -> String {
    if time.is_zero() { NOTHING.to_owned() } else { format!("{time:.1?}") }
}

impl fmt::Display for Summary {
    /// Columns in which nothing happened are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let columns: Vec<_> = COLUMNS
            .into_iter()
            .filter(|(heading, cell)| *heading == "calls" || cell(&total) != NOTHING)
            .collect();
        let mut rows = vec![heading(&columns)];
        rows.extend(self.functions.iter().map(|(name, tally)| row(name, tally, &columns)));
        if self.functions.len() > 1 {
            rows.push(row("total", &total, &columns));
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..=columns.len()).filter_map(width).collect();
        for row in &rows {
            write!(f, "{:<1$}", row[0], widths[0])?;
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        let waited = self.waited.iter().filter(|(_, wait)| !wait.is_zero());
        let waited: Vec<_> = waited.map(|(name, wait)| format!("{name} {wait:.1?}")).collect();
        if !self.makespan.is_zero() {
            writeln!(f, "makespan {:.1?}, waited for {}", self.makespan, waited.join(", "))?;
        }
        for unused in &self.no_effect {
            writeln!(f, "no effect: {unused}")?;
        }
        Ok(())
    }
}

fn heading(columns: &[Column]) -> Vec<String> {
    let headings = columns.iter().map(|(heading, _)| *heading);
    std::iter::once("function").chain(headings).map(str::to_owned).collect()
}

fn row(name: &str, tally: &Tally, columns: &[Column]) -> Vec<String> {
    let cells = columns.iter().map(|(_, cell)| cell(tally));
    std::iter::once(name.to_owned()).chain(cells).collect()
}
