//! Finding runs, and the list of them.

use std::path::{Path, PathBuf};

use chia_record::{RecordFile, Run, Tally, list};
use serde::Serialize;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::output::{Cell, Output, Tone};
use crate::text;

/// The directory of the records: as the command line says, else as loops choose it.
pub(crate) fn folder(args: &Args) -> PathBuf {
    let chosen = args.runs.as_deref();
    match chosen {
        Some(folder) => folder.to_owned(),
        None => {
            chia_record::runs_folder(None, Some(&args.dir)).unwrap_or_else(|| args.dir.join("runs"))
        }
    }
}

/// The record of a run: a path, the head of an id, `last` or `last~N`.
pub(crate) fn find(args: &Args, wanted: &str) -> Result<PathBuf> {
    if wanted.contains('/') || Path::new(wanted).is_file() {
        return Ok(PathBuf::from(wanted));
    }
    let dir = folder(args);
    let records = list(&dir)?;
    let back = match wanted.strip_prefix("last") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix('~').and_then(|n| n.parse::<usize>().ok()),
        None => None,
    };
    if let Some(back) = back {
        let at = records.len().checked_sub(back + 1);
        return at.map(|at| records[at].path.clone()).ok_or_else(|| none(&dir, wanted, &records));
    }
    let matching: Vec<_> = records.iter().filter(|record| record.id.starts_with(wanted)).collect();
    match matching[..] {
        [] => Err(none(&dir, wanted, &records)),
        [one] => Ok(one.path.clone()),
        ref many => {
            let ids: Vec<_> = many.iter().map(|record| record.id.as_str()).collect();
            Err(Error::Ambiguous { wanted: wanted.to_owned(), candidates: ids.join(", ") })
        }
    }
}

fn none(dir: &Path, wanted: &str, records: &[RecordFile]) -> Error {
    let hint = if records.is_empty() {
        ": there is no record (a loop with a cache leaves one, unless CHIA_RUNS is `off`)"
            .to_owned()
    } else {
        format!(": it has {} records, `chia-cache runs` lists them", records.len())
    };
    Error::NoRun { dir: dir.to_owned(), wanted: wanted.to_owned(), hint }
}

/// A run in the list.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    started: &'a str,
    program: &'a str,
    state: &'static str,
    length_us: u64,
    bytes: u64,
    #[serde(flatten)]
    total: Tally,
}

/// `chia-cache runs`.
pub(crate) fn show(args: &Args, out: &mut Output) -> Result<bool> {
    let dir = folder(args);
    let records = list(&dir)?;
    if records.is_empty() {
        return Err(none(&dir, "last", &records));
    }
    let mut rows = Vec::new();
    for record in &records {
        let run = match Run::read(&record.path) {
            Ok(run) => run,
            Err(error) => {
                eprintln!("chia-cache: {error}; it is left out");
                continue;
            }
        };
        let state = match run.summary {
            Some(_) => "ended",
            None if record.is_live() => "running",
            None => "broke off",
        };
        let row = Row {
            id: &run.header.id,
            started: &run.header.started,
            program: &run.header.program,
            state,
            length_us: run.length_us(),
            bytes: record.bytes,
            total: run.total(),
        };
        if out.json {
            out.object(&row)?;
        } else {
            rows.push(cells(&row, out.is_narrow()));
        }
    }
    if !out.json {
        let head = [
            "run", "started", "program", "state", "took", "calls", "ran", "replayed", "failed",
            "saved",
        ];
        let narrow = out.is_narrow();
        let kept = |at: usize| !(narrow && matches!(head[at], "program" | "saved"));
        let kept: Vec<usize> = (0..head.len()).filter(|at| kept(*at)).collect();
        let heads: Vec<_> = kept.iter().map(|at| head[*at]).collect();
        let rows: Vec<Vec<_>> =
            rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect();
        out.table(&heads, &rows)?;
    }
    Ok(true)
}

fn cells(row: &Row<'_>, narrow: bool) -> Vec<Cell> {
    // The head of an id is enough to name a run.
    let (id, started) = if narrow { (8, 5..16) } else { (12, 0..19) };
    let id = row.id.get(..id).unwrap_or(row.id);
    let started = row.started.get(started).unwrap_or(row.started).replace('T', " ");
    let tone = match row.state {
        "ended" => Tone::Plain,
        "running" => Tone::Good,
        _ => Tone::Bad,
    };
    let failed = Cell::number(text::count(row.total.failed));
    vec![
        Cell::text(id),
        Cell::text(started),
        Cell::text(row.program),
        Cell::text(row.state).tone(tone),
        Cell::number(text::micros(row.length_us)),
        Cell::number(row.total.calls),
        Cell::number(text::count(row.total.ran)),
        Cell::number(text::count(row.total.replayed)),
        failed.tone(if row.total.failed > 0 { Tone::Bad } else { Tone::Plain }),
        Cell::number(text::micros(row.total.saved_us)),
    ]
}
