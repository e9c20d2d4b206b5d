//! What a run did, function by function.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

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
