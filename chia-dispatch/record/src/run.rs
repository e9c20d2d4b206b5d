//! A whole run in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::BufRead;
use std::path::Path;

use crate::error::Result;
use crate::header::RunHeader;
use crate::lines::{CallEnd, CallStart, Fingerprint, RunSummary};
use crate::reader::{Line, Reader};
use crate::tally::Tally;

/// A run, as its record tells it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Run {
    /// The first line.
    pub header: RunHeader,
    /// The calls, in the order in which they were dispatched.
    pub calls: Vec<Call>,
    /// The last line. A run that was killed has none.
    pub summary: Option<RunSummary>,
    /// What is not in order.
    pub notes: Notes,
}

/// A call, from both of its lines. Times are in microseconds since the start of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The call's id, unique within the run.
    pub id: u64,
    /// The call that made this one.
    pub parent: Option<u64>,
    /// The function.
    pub function: String,
    /// The tag.
    pub tag: Option<String>,
    /// The decision: `run`, `replay`, `provider`, `file` or `rehearse`.
    pub decision: String,
    /// Its reason in one word.
    pub reason: String,
    /// The place of the rule that decided.
    pub rule: Option<String>,
    /// The fingerprints of the arguments.
    pub args: Vec<Option<Fingerprint>>,
    /// The version that the function declares.
    pub version: Option<String>,
    /// What it asked for besides one `cpu`.
    pub resources: Option<String>,
    /// When it was dispatched.
    pub queued_us: u64,
    /// When the driver saw its end.
    pub ended_us: Option<u64>,
    /// How it ended; `None`: the record does not say.
    pub outcome: Option<String>,
    /// Its handle was dropped before anybody asked for the result.
    pub left: bool,
    /// The node.
    pub node: String,
    /// From dispatch to the start of the work.
    pub waited_us: Option<u64>,
    /// How long the work took.
    pub took_us: u64,
    /// The size of the encoded result.
    pub bytes: u64,
    /// The compute time that was saved.
    pub saved_us: u64,
    /// What became of the result's way into the cache.
    pub write: Option<String>,
    /// Why a replay found nothing.
    pub miss: Option<String>,
    /// What differs although the recorded result was served.
    pub stale: Option<String>,
    /// Which attempt gave the result.
    pub attempt: u32,
    /// The error.
    pub error: Option<String>,
}

/// What a reader had to skip, or does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notes {
    /// The last line was cut: the process died in the middle of a write, or still writes.
    pub cut: bool,
    /// Lines that are damaged.
    pub damaged: u64,
    /// The first of them.
    pub first_damaged: Option<u64>,
    /// Lines of a kind that this version does not know.
    pub unknown: u64,
    /// Lines that the writer had to drop.
    pub dropped: u64,
    /// The format of the record, where it is later than this version's.
    pub later_format: Option<u32>,
}

impl Notes {
    pub(crate) fn damaged(&mut self, line: u64) {
        self.damaged += 1;
        self.first_damaged.get_or_insert(line);
    }
}

impl fmt::Display for Notes {
    /// A line for each thing, empty if all is in order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(format) = self.later_format {
            writeln!(f, "format {format} is later than this program's: some facts may be missing")?;
        }
        if self.cut {
            writeln!(f, "the last line is cut, and was skipped")?;
        }
        if let Some(line) = self.first_damaged {
            writeln!(f, "{} damaged lines were skipped, the first is line {line}", self.damaged)?;
        }
        if self.unknown > 0 {
            writeln!(f, "{} lines of an unknown kind were skipped", self.unknown)?;
        }
        if self.dropped > 0 {
            writeln!(f, "{} lines are missing: the disk stalled or failed", self.dropped)?;
        }
        Ok(())
    }
}

impl Run {
    /// Reads a record.
    ///
    /// # Errors
    /// When the file cannot be read or is no record. Damage is no error: see [`Run::notes`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::collect(Reader::open(path)?)
    }

    /// Reads a record from any source; `path` is for messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_from(input: impl BufRead, path: &Path) -> Result<Self> {
        Self::collect(Reader::new(input, path)?)
    }

    fn collect<R: BufRead>(mut reader: Reader<R>) -> Result<Self> {
        let mut run = Self { header: reader.header().clone(), ..Self::default() };
        let mut places = HashMap::new();
        let mut dropped = 0u64;
        for line in reader.by_ref() {
            match line? {
                Line::Start(start) => run.call(&mut places, start.id).start(start),
                Line::End(end) => run.call(&mut places, end.id).end(end),
                Line::Left(left) => run.call(&mut places, left.id).left = true,
                Line::Dropped(missing) => dropped = dropped.saturating_add(missing.lines),
                Line::Summary(summary) => run.summary = Some(summary),
            }
        }
        run.notes = Notes { dropped, ..reader.notes().clone() };
        Ok(run)
    }

    /// The call with this id; a new one at its first line.
    fn call(&mut self, places: &mut HashMap<u64, usize>, id: u64) -> &mut Call {
        let at = *places.entry(id).or_insert_with(|| {
            self.calls.push(Call { id, attempt: 1, ..Call::default() });
            self.calls.len() - 1
        });
        &mut self.calls[at]
    }

    /// The counts of all calls.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.calls.iter().for_each(|call| total.count(call));
        total
    }

    /// The counts by function.
    #[must_use]
    pub fn by_function(&self) -> BTreeMap<&str, Tally> {
        let mut functions: BTreeMap<&str, Tally> = BTreeMap::new();
        for call in &self.calls {
            functions.entry(&call.function).or_default().count(call);
        }
        functions
    }

    /// The last instant that the record speaks of, in microseconds since the start of the run.
    #[must_use]
    pub fn length_us(&self) -> u64 {
        let calls = self.calls.iter().map(|call| call.ended_us.unwrap_or(call.queued_us));
        let end = self.summary.as_ref().map(|summary| summary.ended_us);
        calls.chain(end).max().unwrap_or(0)
    }
}

impl Call {
    /// When the work started, as far as the record knows.
    #[must_use]
    pub fn started_us(&self) -> u64 {
        match (self.waited_us, self.ended_us) {
            (Some(waited), _) => self.queued_us.saturating_add(waited),
            (None, Some(ended)) => ended.saturating_sub(self.took_us).max(self.queued_us),
            (None, None) => self.queued_us,
        }
    }

    fn start(&mut self, start: CallStart<'static>) {
        self.parent = start.parent;
        self.queued_us = start.queued_us;
        self.function = start.function.into_owned();
        self.tag = start.tag.map(Into::into);
        self.decision = start.decision.into_owned();
        self.reason = start.reason.into_owned();
        self.rule = start.rule.map(Into::into);
        self.args = start.args;
        self.version = start.version.map(Into::into);
        self.resources = start.resources.map(Into::into);
    }

    fn end(&mut self, end: CallEnd<'static>) {
        self.ended_us = Some(end.ended_us);
        self.outcome = Some(end.outcome.into_owned());
        self.node = end.node.into_owned();
        self.waited_us = end.waited_us;
        self.took_us = end.took_us;
        self.bytes = end.bytes;
        self.saved_us = end.saved_us;
        self.write = end.write.map(Into::into);
        self.miss = end.miss.map(Into::into);
        self.stale = end.stale.map(Into::into);
        self.attempt = end.attempt.unwrap_or(1);
        if self.args.is_empty() {
            self.args = end.args;
        }
        self.error = end.error.map(Into::into);
    }
}
