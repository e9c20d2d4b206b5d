//! Which calls differ between two runs.

use std::collections::{BTreeMap, HashMap};

use chia_record::{Call, Run};
use serde::Serialize;

use crate::args::Args;
use crate::error::Result;
use crate::output::{Cell, Output, Tone};
use crate::{runs, text, why};

/// A call whose time differs by less than this factor, or by less than [`NOISE_US`], is the same.
const SLOWER: u64 = 2;
const NOISE_US: u64 = 10_000;

#[derive(Serialize)]
struct Row {
    function: String,
    tag: Option<String>,
    before: Option<String>,
    after: Option<String>,
    before_us: u64,
    after_us: u64,
    differs: Vec<String>,
}

/// Function, tag, and which call of those: `(function, tag, 0)` is the first.
type Key = (String, Option<String>, usize);

/// `chia-cache diff RUN RUN`; false if they differ.
pub(crate) fn show(args: &Args, before: &str, after: &str, out: &mut Output) -> Result<bool> {
    let before = Run::read(&runs::find(args, before)?)?;
    let after = Run::read(&runs::find(args, after)?)?;
    let (mut old, new) = (keyed(&before), keyed(&after));
    let mut rows = Vec::new();
    for (key, call) in &new {
        let row = match old.remove(key) {
            Some(old) => row(Some(old), Some(call)),
            None => row(None, Some(call)),
        };
        rows.extend(row);
    }
    rows.extend(old.into_values().filter_map(|call| row(Some(call), None)));
    if out.json {
        rows.iter().try_for_each(|row| out.object(row))?;
        return Ok(rows.is_empty());
    }
    let cells: Vec<_> = rows.iter().map(cells).collect();
    if !rows.is_empty() {
        out.table(&["call", "function", "before", "after", "differs"], &cells)?;
    }
    out.line(format!(
        "{} of {} calls differ; worked {} and {}",
        rows.len(),
        before.calls.len().max(after.calls.len()),
        text::micros(before.total().took_us),
        text::micros(after.total().took_us),
    ))?;
    Ok(rows.is_empty())
}

fn keyed(run: &Run) -> BTreeMap<Key, &Call> {
    let mut seen: HashMap<(&str, Option<&str>), usize> = HashMap::new();
    let mut keyed = BTreeMap::new();
    for call in &run.calls {
        let nth = seen.entry((&call.function, call.tag.as_deref())).or_default();
        keyed.insert((call.function.clone(), call.tag.clone(), *nth), call);
        *nth += 1;
    }
    keyed
}

fn row(old: Option<&Call>, new: Option<&Call>) -> Option<Row> {
    let differs = match (old, new) {
        (Some(old), Some(new)) => changes(old, new),
        (Some(_), None) => vec!["not called any more".to_owned()],
        (None, _) => vec!["not called before".to_owned()],
    };
    let call = new.or(old)?;
    let outcome = |call: &Call| call.outcome.clone().unwrap_or_else(|| "unknown".to_owned());
    (!differs.is_empty()).then(|| Row {
        function: call.function.clone(),
        tag: call.tag.clone(),
        before: old.map(outcome),
        after: new.map(outcome),
        before_us: old.map_or(0, |call| call.took_us),
        after_us: new.map_or(0, |call| call.took_us),
        differs,
    })
}

fn changes(old: &Call, new: &Call) -> Vec<String> {
    let mut differs = why::differences(old, new);
    if old.outcome != new.outcome {
        differs.extend(new.miss.clone().or_else(|| new.error.clone()));
        if differs.is_empty() {
            differs.push("outcome".to_owned());
        }
    } else {
        let (less, more) = (old.took_us.min(new.took_us), old.took_us.max(new.took_us));
        if more / SLOWER > less && more - less > NOISE_US {
            differs.push(format!(
                "took {} instead of {}",
                text::micros(new.took_us),
                text::micros(old.took_us)
            ));
        }
    }
    differs
}

fn cells(row: &Row) -> Vec<Cell> {
    let outcome = |outcome: &Option<String>| {
        let outcome = outcome.as_deref().unwrap_or("-");
        let tone = if outcome == "failed" { Tone::Bad } else { Tone::Plain };
        Cell::text(outcome).tone(tone)
    };
    vec![
        Cell::text(row.tag.as_deref().unwrap_or("-")),
        Cell::text(row.function.clone()),
        outcome(&row.before),
        outcome(&row.after),
        Cell::text(row.differs.join("; ")),
    ]
}
