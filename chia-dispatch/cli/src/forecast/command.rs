//! `forecast`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chia_bypass::{Answer, RunSettings};
use chia_config::Config;
use chia_record::Run;
use serde::Serialize;

use super::{CallForecast, RunForecast, forecast_run};
use crate::args::Args;
use crate::error::{Error, Result};
use crate::output::{Cell, Output, printable};
use crate::{cache, runs, text};

/// A reason is shown with this many of its tags.
const TAGS: usize = 3;

/// What a forecast comes to.
#[derive(Default, Serialize)]
struct Total {
    calls: u64,
    replayed: u64,
    stale: u64,
    missed: u64,
    replaced: u64,
    ran: u64,
    unknown: u64,
    failed: u64,
    saved_us: u64,
    cost_us: u64,
}

/// `chia-cache forecast RUN`; false if nothing would be replayed.
pub(crate) fn show(args: &Args, run: &str, rules: Option<&Path>, out: &mut Output) -> Result<bool> {
    let run = Run::read(&runs::find(args, run)?)?;
    for note in run.notes.to_string().lines() {
        eprintln!("chia-cache: note: {note}");
    }
    let path = rules.map_or_else(|| rules_of(&run), |path| Ok(Some(path.to_owned())))?;
    let rules = match path {
        Some(path) => Config::load(&path).map_err(Error::Rules)?,
        None => Config::default(),
    };
    let settings = RunSettings::default().with_vars(|name| std::env::var(name).ok());
    let store = cache::Readable::open(&args.dir)?;
    let forecast =
        forecast_run(&run, &Arc::new(rules), settings.map_err(Error::Settings)?, |tag| {
            Ok::<_, Error>(store.find(tag)?.map(|(_, facts)| facts))
        })?;
    match out.json {
        true => json(&forecast, out)?,
        false => table(&forecast, out)?,
    }
    Ok(forecast.count(|answer| *answer == Answer::Replay) > 0)
}

/// The rules file that the record names; none if the run had no rules.
fn rules_of(run: &Run) -> Result<Option<PathBuf>> {
    let Some(rule) = run.header.rules.first() else { return Ok(None) };
    // `file:line:column`
    let path = rule.at.rsplitn(3, ':').last().map(PathBuf::from).unwrap_or_default();
    match path.is_file() {
        true => Ok(Some(path)),
        false => Err(Error::NoRules { path }),
    }
}

impl Total {
    fn of<'f>(calls: impl IntoIterator<Item = &'f CallForecast>) -> Self {
        let mut total = Self::default();
        for call in calls {
            total.calls += 1;
            total.stale += u64::from(call.stale.is_some());
            total.saved_us += call.saved_us;
            total.cost_us += call.cost_us;
            let counter = match call.answer {
                Answer::Replay => &mut total.replayed,
                Answer::Miss(_) => &mut total.missed,
                Answer::Replace => &mut total.replaced,
                Answer::Run => &mut total.ran,
                Answer::Fail => &mut total.failed,
                _ => &mut total.unknown,
            };
            *counter += 1;
        }
        total
    }

    fn cells(&self, name: &str) -> Vec<Cell> {
        let counts = [
            self.replayed,
            self.stale,
            self.missed,
            self.replaced,
            self.ran,
            self.unknown,
            self.failed,
        ];
        let mut cells = vec![Cell::text(name), Cell::number(self.calls)];
        cells.extend(counts.into_iter().map(|count| Cell::number(text::count(count))));
        cells.extend([self.saved_us, self.cost_us].map(|time| Cell::number(text::micros(time))));
        cells
    }
}

const HEAD: [&str; 11] = [
    "function",
    "calls",
    "replays",
    "stale",
    "misses",
    "replaced",
    "runs",
    "condition",
    "fails",
    "saved",
    "computes",
];

fn table(forecast: &RunForecast, out: &mut Output) -> Result<()> {
    let mut functions: BTreeMap<&str, Vec<&CallForecast>> = BTreeMap::new();
    for call in &forecast.calls {
        functions.entry(&call.function).or_default().push(call);
    }
    let mut rows: Vec<_> = functions
        .iter()
        .map(|(name, calls)| Total::of(calls.iter().copied()).cells(&printable(name)))
        .collect();
    if functions.len() > 1 {
        rows.push(Total::of(&forecast.calls).cells("total"));
    }
    out.table(&HEAD, &rows)?;
    if forecast.not_made > 0 {
        out.line(format!("not made: {} calls of replaced calls", forecast.not_made))?;
    }
    reasons("misses", forecast, out, |call| match &call.answer {
        Answer::Miss(why) => Some(why),
        _ => None,
    })?;
    reasons("stale", forecast, out, |call| call.stale.as_deref())
}

/// A line a reason: how many calls, and the first tags.
fn reasons<'f>(
    what: &str,
    forecast: &'f RunForecast,
    out: &mut Output,
    reason: impl Fn(&'f CallForecast) -> Option<&'f str>,
) -> Result<()> {
    let mut all: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for call in &forecast.calls {
        if let Some(why) = reason(call) {
            let tags = all.entry((&call.function, why)).or_default();
            tags.push(call.tag.as_deref().unwrap_or("no tag"));
        }
    }
    for ((function, why), tags) in all {
        let more = if tags.len() > TAGS { ", …" } else { "" };
        let first = tags[..tags.len().min(TAGS)].join(", ");
        let line = format!("{what}: {} of `{function}`: {why} ({first}{more})", tags.len());
        out.line(printable(&line))?;
    }
    Ok(())
}

fn json(forecast: &RunForecast, out: &mut Output) -> Result<()> {
    forecast.calls.iter().try_for_each(|call| out.object(call))?;
    out.object(&Total::of(&forecast.calls))
}
