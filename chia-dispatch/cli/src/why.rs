//! The history of a tag over the runs, and what differed from one to the next.

use std::collections::BTreeMap;

use chia_cache::ReplayMiss;
use chia_record::{Call, Run, list};
use serde::Serialize;

use crate::args::Args;
use crate::error::Result;
use crate::output::{Cell, Output, Tone};
use crate::{runs, text};

#[derive(Serialize)]
struct Row {
    run: String,
    started: String,
    function: String,
    outcome: String,
    /// Why, as far as the record knows: the decision's reason, the miss, the error.
    why: String,
    /// What differs from the call before of the same function.
    differs: Vec<String>,
    took_us: u64,
}

/// `chia-cache why TAG`; false if no run called it.
pub(crate) fn show(args: &Args, tag: &str, out: &mut Output) -> Result<bool> {
    let mut rows = Vec::new();
    // The call before of each function, and its run.
    let mut before: BTreeMap<String, (Call, String)> = BTreeMap::new();
    for record in list(&runs::folder(args))? {
        let run = match Run::read(&record.path) {
            Ok(run) => run,
            Err(error) => {
                eprintln!("chia-cache: {error}; it is left out");
                continue;
            }
        };
        for call in run.calls.iter().filter(|call| call.tag.as_deref() == Some(tag)) {
            let old = before.get(&call.function);
            let differs = old.map(|(old, _)| differences(old, call));
            rows.push(Row {
                run: run.header.id.clone(),
                started: run.header.started.clone(),
                function: call.function.clone(),
                outcome: call.outcome.clone().unwrap_or_else(|| "unknown".to_owned()),
                why: cause(old, call),
                differs: differs.unwrap_or_default(),
                took_us: call.took_us,
            });
            before.insert(call.function.clone(), (call.clone(), run.header.id.clone()));
        }
    }
    let found = !rows.is_empty();
    if out.json {
        rows.iter().try_for_each(|row| out.object(row))?;
    } else if found {
        let cells: Vec<_> = rows.iter().map(cells).collect();
        out.table(&["started", "run", "function", "outcome", "took", "why"], &cells)?;
    } else {
        eprintln!("chia-cache: no recorded run called `{tag}`");
    }
    Ok(found)
}

fn cells(row: &Row) -> Vec<Cell> {
    let mut why = vec![row.why.clone()];
    why.extend(row.differs.iter().cloned());
    why.retain(|part| !part.is_empty());
    let tone = match row.outcome.as_str() {
        "replayed" => Tone::Good,
        "failed" | "cancelled" => Tone::Bad,
        _ => Tone::Plain,
    };
    vec![
        Cell::text(row.started.get(..19).unwrap_or(&row.started).replace('T', " ")),
        Cell::text(row.run.clone()),
        Cell::text(row.function.clone()),
        Cell::text(row.outcome.clone()).tone(tone),
        Cell::number(text::micros(row.took_us)),
        Cell::text(why.join("; ")),
    ]
}

/// Why the call went as it did.
fn cause(before: Option<&(Call, String)>, call: &Call) -> String {
    let mut causes = Vec::new();
    causes.extend(call.error.clone());
    causes.extend(call.miss.clone());
    causes.extend(call.stale.as_ref().map(|stale| format!("served although it is stale: {stale}")));
    if causes.is_empty() {
        causes.push(match &call.rule {
            Some(rule) => format!("{}, rule at {rule}", call.reason.replace('_', " ")),
            None => call.reason.replace('_', " "),
        });
    }
    if call.outcome.as_deref() == Some("ran") {
        causes.extend(before.and_then(|(old, run)| lost(old, run, call)));
    }
    causes.join("; ")
}

/// What became of the result of the call before, if this one did not find it.
fn lost(old: &Call, run: &str, new: &Call) -> Option<String> {
    let absent =
        new.miss.as_ref().is_some_and(|miss| miss.ends_with(&ReplayMiss::Absent.to_string()));
    match old.write.as_deref() {
        Some(write @ ("failed" | "too_large" | "suspended" | "rejected")) => {
            let write = write.replace('_', " ");
            Some(format!("the result before was not written ({write})"))
        }
        Some("stored" | "refreshed") if absent => Some(format!(
            "the result of run {run} is gone: evicted to make room, removed or expired"
        )),
        _ => None,
    }
}

/// What differs between two calls of one function with one tag.
pub(crate) fn differences(old: &Call, new: &Call) -> Vec<String> {
    let mut found = Vec::new();
    if old.args.len() != new.args.len() {
        found.push(format!("{} arguments instead of {}", new.args.len(), old.args.len()));
    }
    for (at, (a, b)) in old.args.iter().zip(&new.args).enumerate() {
        if let (Some(a), Some(b)) = (a, b)
            && a != b
        {
            found.push(format!("argument {at} differs"));
        }
    }
    let mut compare = |what: &str, old: Option<&str>, new: Option<&str>| {
        if old != new {
            let (old, new) = (old.unwrap_or("none"), new.unwrap_or("none"));
            found.push(format!("{what} {new} instead of {old}"));
        }
    };
    compare("version", old.version.as_deref(), new.version.as_deref());
    compare("decision", Some(&old.decision), Some(&new.decision));
    compare("reason", Some(&old.reason), Some(&new.reason));
    compare("rule at", old.rule.as_deref(), new.rule.as_deref());
    found
}
