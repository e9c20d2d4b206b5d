//! What both examples share: options, progress, the report of a run.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use chia_loop::cache::Durability;
use chia_loop::{CacheOptions, Chia, ChiaBuilder, Error, Result, Summary};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// About a tenth of a second's work.
const SPAN: u64 = if cfg!(debug_assertions) { 8_000 } else { 80_000 };

/// The options of an example.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where the loop runs; named in the report.
    #[arg(long, default_value = "local")]
    pub(crate) backend: String,
    /// Rules to use instead of the example's own.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// The directory of the cache.
    #[arg(long, default_value = "chia_cache")]
    pub(crate) cache_dir: PathBuf,
    /// What the report calls this run, instead of `cold` or `warm`.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Numbers that each call of `bypass_cache` looks through.
    #[arg(long, default_value_t = SPAN)]
    pub(crate) span: u64,
    /// The number at which the first call of `bypass_cache` starts: another one changes an argument
    /// of every call, and no tag.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
    /// Compare every replay with its call: what was computed from other arguments runs again.
    #[arg(long)]
    pub(crate) check: bool,
    /// Empty the cache first.
    #[arg(long)]
    pub(crate) flush: bool,
    /// Survive the death of the process, but not of the machine: faster.
    #[arg(long)]
    pub(crate) relaxed: bool,
    /// Print one JSON object on stdout instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// Adds the rules and the cache to a loop, and starts it.
    pub(crate) async fn start(&self, builder: ChiaBuilder, rules: &str) -> Result<Chia> {
        let durability = if self.relaxed { Durability::Relaxed } else { Durability::Durable };
        let cache = CacheOptions::new("4 GB", &self.cache_dir).durability(durability);
        let builder = match &self.config {
            Some(path) => builder.config_file(path),
            None => builder.config(embedded(rules)?),
        };
        let chia = builder.cache(cache).check_by_default(self.check).start().await?;
        if let (true, Some(cache)) = (self.flush, chia.cache()) {
            cache.flush().await?;
        }
        Ok(chia)
    }
}

fn embedded(rules: &str) -> Result<chia_loop::rules::Config> {
    chia_loop::rules::Config::parse(rules, "built-in rules", ".")
        .map_err(|error| Error::new(chia_loop::ErrorKind::Config, error.to_string()))
}

/// Progress on stderr: a bar in a terminal, a line a step in a pipe.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(steps: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(steps));
        if let (Some(bar), Ok(style)) =
            (&bar, ProgressStyle::with_template("{bar:40} {pos}/{len} {wide_msg}"))
        {
            bar.set_style(style);
        }
        Self { bar }
    }

    pub(crate) fn step(&self, what: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(what.to_owned());
                bar.inc(1);
            }
            // A reader that went away is no reason to stop working.
            None => drop(writeln!(std::io::stderr(), "{what}")),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What one run of an example tells.
#[derive(Serialize)]
pub(crate) struct Report<R> {
    example: &'static str,
    /// `cold` if nothing was in the cache at the start, else `warm`, unless it has another name.
    run: String,
    backend: String,
    calls: u64,
    ran: u64,
    replayed: u64,
    /// Replayed although the call differs from the recorded one.
    stale: u64,
    written: u64,
    refreshed: u64,
    failed: u64,
    seconds: f64,
    saved_seconds: f64,
    results: R,
    #[serde(skip)]
    summary: Summary,
}

/// Whether the loop starts with a filled cache.
pub(crate) async fn run_name(chia: &Chia) -> Result<&'static str> {
    let entries = match chia.cache() {
        Some(cache) => cache.keys().await?.len(),
        None => 0,
    };
    Ok(if entries == 0 { "cold" } else { "warm" })
}

impl<R: Serialize> Report<R> {
    pub(crate) fn new(
        example: &'static str,
        run: &'static str,
        args: &Args,
        chia: &Chia,
        since: Instant,
        results: R,
    ) -> Self {
        let summary = chia.summary();
        let total = summary.total();
        Self {
            example,
            run: args.name.clone().unwrap_or_else(|| run.to_owned()),
            backend: args.backend.clone(),
            calls: total.calls,
            ran: total.ran,
            replayed: total.replayed,
            stale: total.stale,
            written: total.written,
            refreshed: total.refreshed,
            failed: total.failed,
            seconds: since.elapsed().as_secs_f64(),
            saved_seconds: total.saved.as_secs_f64(),
            results,
            summary,
        }
    }

    /// Prints the report as asked: a table, or one line of JSON.
    pub(crate) fn print(&self, json: bool) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if json {
            serde_json::to_writer(&mut out, self)?;
            return writeln!(out);
        }
        let (example, run, backend) = (self.example, &self.run, &self.backend);
        let (seconds, saved) = (self.seconds, self.saved_seconds);
        writeln!(out, "{}", self.summary)?;
        writeln!(
            out,
            "{example}, {run}, on {backend}: {seconds:.2} s, saved {saved:.2} s of computing"
        )
    }
}
