//! `ls` and `du`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chia_cache::Facts;
use serde::Serialize;

use super::look;
use crate::args::{Args, Sort};
use crate::error::Result;
use crate::output::{Cell, Output};
use crate::text;

const HEAD: [&str; 8] = ["tag", "function", "size", "age", "computed", "read", "origin", ""];

/// `chia-cache ls`; false if no entry matches. In the order of tags it is printed as it is read; any
/// other order needs all entries in memory.
pub(crate) fn list(args: &Args, pattern: &str, sort: Sort, out: &mut Output) -> Result<bool> {
    let store = look::open(&args.dir)?;
    let mut all = Vec::new();
    let mut found = false;
    look::pages(&store, pattern, |page| {
        if sort == Sort::Tag {
            print(&page, !found, out)?;
            out.flush()?;
            found |= !page.is_empty();
        } else {
            all.extend(page);
        }
        Ok(())
    })?;
    match sort {
        Sort::Tag => return Ok(found),
        Sort::Size => all.sort_by_key(|facts| Reverse(facts.size)),
        Sort::Age => all.sort_by_key(|facts| facts.created),
        Sort::Read => all.sort_by_key(|facts| Reverse(facts.last_read)),
        Sort::Computed => all.sort_by_key(|facts| Reverse(facts.compute_time)),
    }
    print(&all, true, out)?;
    Ok(!all.is_empty())
}

fn print(page: &[Facts], first: bool, out: &mut Output) -> Result<()> {
    if out.json {
        return page.iter().try_for_each(|facts| out.object(facts));
    }
    if page.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = page.iter().map(row).collect();
    if first { out.table(&HEAD, &rows) } else { out.rows(&HEAD, &rows) }
}

fn row(facts: &Facts) -> Vec<Cell> {
    let time = |time: Duration| text::micros(chia_record::micros(time));
    let since = |at: SystemTime| time(at.elapsed().unwrap_or_default());
    vec![
        Cell::text(facts.tag.clone()),
        Cell::text(facts.function.as_deref().unwrap_or("-")),
        Cell::number(text::bytes(facts.size)),
        Cell::number(since(facts.created)),
        Cell::number(facts.compute_time.map_or("-".to_owned(), time)),
        Cell::number(facts.last_read.map_or("-".to_owned(), since)),
        Cell::text(facts.origin.to_string()),
        Cell::text(if facts.pinned { "pinned" } else { "" }),
    ]
}

#[derive(Default, Serialize)]
struct Usage {
    function: String,
    entries: u64,
    bytes: u64,
    compute_us: u64,
}

/// `chia-cache du`: entries, bytes and compute time by function.
pub(crate) fn usage(args: &Args, out: &mut Output) -> Result<bool> {
    let store = look::open(&args.dir)?;
    let mut functions: BTreeMap<String, Usage> = BTreeMap::new();
    look::pages(&store, "*", |page| {
        for facts in page {
            let name = facts.function.unwrap_or_else(|| "-".to_owned());
            let usage = functions.entry(name).or_default();
            usage.entries += 1;
            usage.bytes += facts.size + facts.tag.len() as u64;
            let took = facts.compute_time.unwrap_or_default().as_micros();
            usage.compute_us += u64::try_from(took).unwrap_or(u64::MAX);
        }
        Ok(())
    })?;
    let mut all: Vec<_> =
        functions.into_iter().map(|(function, usage)| Usage { function, ..usage }).collect();
    all.sort_by_key(|usage| Reverse(usage.bytes));
    if out.json {
        all.iter().try_for_each(|usage| out.object(usage))?;
        return Ok(true);
    }
    let rows = all.iter().map(|usage| {
        vec![
            Cell::text(usage.function.clone()),
            Cell::number(usage.entries),
            Cell::number(text::bytes(usage.bytes)),
            Cell::number(text::micros(usage.compute_us)),
        ]
    });
    out.table(&["function", "entries", "bytes", "computed"], &rows.collect::<Vec<_>>())?;
    Ok(true)
}
