//! The share of calls that failed in earlier runs, for rehearsals.

use std::collections::BTreeMap;
use std::path::Path;

use chia_config::{Config, Failures, Rehearsal};
use chia_record::Run;

/// This many runs are looked through for one that really ran a function.
const MOST_RUNS: usize = 20;

/// For each function whose rehearsal asks for it, the share that failed in the last run of `folder`
/// that ran the function, and the names of functions that no run has run.
pub(crate) fn recorded_failures(config: &Config, folder: Option<&Path>) -> Recorded {
    let asks = |rehearsal: &Rehearsal| rehearsal.failures() == Failures::Recorded;
    let rules = config.bypass_rules().filter(|(_, rule)| rule.rehearsal().is_some_and(asks));
    let mut recorded = Recorded {
        unknown: rules.map(|(name, _)| name.to_owned()).collect(),
        ..Recorded::default()
    };
    if recorded.unknown.is_empty() {
        return recorded;
    }
    let records = folder.and_then(|folder| chia_record::list(folder).ok()).unwrap_or_default();
    for record in records.iter().rev().take(MOST_RUNS) {
        if recorded.unknown.is_empty() {
            break;
        }
        // A record that cannot be read says nothing; an older one may.
        let Ok(run) = Run::read(&record.path) else { continue };
        let functions = run.by_function();
        recorded.unknown.retain(|name| {
            let tally = functions.get(name.as_str()).filter(|tally| tally.ran > 0);
            if let Some(tally) = tally {
                let share = tally.failed as f64 / (tally.failed + tally.ran) as f64;
                recorded.shares.insert(name.clone(), share);
            }
            tally.is_none()
        });
    }
    recorded
}

/// What earlier runs say of failures.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) shares: BTreeMap<String, f64>,
    pub(crate) unknown: Vec<String>,
}
