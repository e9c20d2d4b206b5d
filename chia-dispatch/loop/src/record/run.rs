//! The record of a run, in the driver.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chia_config::{Config, TagPatterns};
use chia_dispatch::Error;
use chia_dispatch::backend::Node;
use chia_record::{
    CallEnd, CallLeft, CallStart, NodeInfo, Recorder, Retention, RuleInfo, RunHeader, micros, prune,
};

use super::log::{Entry, Request, how, listed};
use crate::outcome::{CacheWrite, NestedCall, NestedEnd, Outcome};

/// Writes the calls of a loop into the record of its run.
pub(crate) struct RunRecord {
    recorder: Recorder,
    started: SystemTime,
}

impl RunRecord {
    /// Starts a record in `folder` and prunes the old ones there. A record that cannot be written is
    /// warned about, and the loop runs without.
    pub(crate) fn create(folder: &Path, header: RunHeader) -> Option<Self> {
        match prune(folder, Retention::default()) {
            Ok(pruned) if pruned.failed > 0 => {
                tracing::warn!(
                    folder = %folder.display(),
                    "{} old run records could not be removed", pruned.failed
                );
            }
            Ok(_) => {}
            Err(error) => warn(&error, "old run records cannot be pruned"),
        }
        match Recorder::create(folder, header) {
            Ok(recorder) => Some(Self { recorder, started: SystemTime::now() }),
            Err(error) => {
                warn(&error, "this run leaves no record");
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.recorder.path()
    }

    pub(crate) fn id(&self) -> &str {
        &self.recorder.header().id
    }

    /// Ends the record with what had no effect.
    pub(crate) fn finish(&self, unused: Vec<String>) {
        if let Err(error) = self.recorder.finish(unused) {
            warn(&error, "the record of this run is not whole");
        }
        let dropped = self.recorder.stats().dropped;
        if dropped > 0 {
            tracing::warn!("{dropped} lines are missing in the record of this run");
        }
    }

    pub(super) fn begin(&self, request: &Request<'_>, parent: u64) -> Entry {
        let entry = Entry { id: self.recorder.next_id(), queued_us: self.recorder.now_us() };
        let reason = request.reason();
        let mut start = CallStart::new(entry.id, entry.queued_us, request.function)
            .decision(request.decision(), &reason)
            .args(request.hashes());
        if parent > 0 {
            start = start.parent(parent);
        }
        if let Some(tag) = request.tag {
            start = start.tag(tag);
        }
        if let Some(version) = request.version {
            start = start.version(version);
        }
        if let Some(rule) = &request.rule {
            start = start.rule(rule.to_string());
        }
        if let Some(resources) = request.resources() {
            start = start.resources(resources);
        }
        self.recorder.start(&start);
        entry
    }

    pub(super) fn end(&self, entry: Entry, outcome: Option<&Outcome>, bytes: u64) {
        let now = self.recorder.now_us();
        let Some(outcome) = outcome else {
            return self.recorder.end(&CallEnd::new(entry.id, now, "ran").bytes(bytes));
        };
        self.add_all(&outcome.calls, entry.id);
        self.recorder.end(&self.line(entry, outcome, bytes, now));
    }

    pub(super) fn fail(&self, entry: Entry, error: &Error, calls: &[NestedCall]) {
        self.add_all(calls, entry.id);
        let end = CallEnd::new(entry.id, self.recorder.now_us(), how(error.kind()));
        self.recorder.end(&end.error(error.to_string()));
    }

    pub(super) fn leave(&self, entry: Entry) {
        self.recorder.left(CallLeft { id: entry.id, left_us: self.recorder.now_us() });
    }

    fn line<'a>(&self, entry: Entry, outcome: &'a Outcome, bytes: u64, at: u64) -> CallEnd<'a> {
        let started = self.since(outcome.started);
        let mut end = CallEnd::new(entry.id, at, outcome.source.as_str())
            .node(&outcome.node)
            .waited_us(started.saturating_sub(entry.queued_us))
            .took_us(micros(outcome.took))
            .bytes(bytes)
            .saved_us(micros(outcome.saved));
        if let Some(write) = written(outcome.write) {
            end = end.write(write);
        }
        if let Some(miss) = &outcome.missed {
            end = end.miss(miss.as_str());
        }
        if let Some(stale) = &outcome.stale {
            end = end.stale(stale.as_str());
        }
        end
    }

    /// Adds calls that a task in another process made.
    fn add_all(&self, calls: &[NestedCall], parent: u64) {
        for call in calls {
            self.add(call, parent);
        }
    }

    /// Adds a call that a task in another process made, and what that one made in turn.
    fn add(&self, call: &NestedCall, parent: u64) {
        let entry = Entry { id: self.recorder.next_id(), queued_us: self.since(call.queued) };
        let mut start = CallStart::new(entry.id, entry.queued_us, &call.function)
            .parent(parent)
            .decision(&call.decision, &call.reason)
            .args(call.args.iter().copied());
        if let Some(tag) = &call.tag {
            start = start.tag(tag);
        }
        if let Some(version) = &call.version {
            start = start.version(version.as_str());
        }
        if let Some(rule) = &call.rule {
            start = start.rule(rule.as_str());
        }
        if let Some(resources) = &call.resources {
            start = start.resources(resources.as_str());
        }
        self.recorder.start(&start);
        match &call.end {
            NestedEnd::Open => self.leave(entry),
            NestedEnd::Done { ended, bytes, outcome } => {
                self.add_all(&outcome.calls, entry.id);
                self.recorder.end_later(&self.line(entry, outcome, *bytes, self.since(*ended)));
            }
            NestedEnd::Failed { ended, kind, error, calls } => {
                self.add_all(calls, entry.id);
                let end = CallEnd::new(entry.id, self.since(*ended), kind);
                self.recorder.end_later(&end.error(error.as_str()));
            }
        }
    }

    /// A time of a node's clock in microseconds since the start of the run.
    fn since(&self, time: SystemTime) -> u64 {
        micros(time.duration_since(self.started).unwrap_or(Duration::ZERO))
    }
}

impl Drop for RunRecord {
    /// A loop that goes out of scope has ended in order, one that panics has not.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.finish(Vec::new());
        }
    }
}

impl fmt::Debug for RunRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunRecord").field(&self.path()).finish()
    }
}

/// The header of a run that starts now under these rules.
pub(crate) fn header(config: &Config, nodes: &[Node], cache: Option<&Path>) -> RunHeader {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy();
    let nodes = nodes
        .iter()
        .map(|node| NodeInfo { name: node.id.clone(), resources: listed(&node.capacity) });
    let bypass = config.bypass_rules().map(|(name, rule)| {
        let tags = rule.tags().map(TagPatterns::texts);
        RuleInfo::new("bypass", name, rule.location(), rule.enabled(), tags)
    });
    let cached = config.cache_rules().map(|(name, rule)| {
        let tags = rule.tags().map(TagPatterns::texts);
        RuleInfo::new("cache", name, rule.location(), rule.enabled(), tags)
    });
    let header =
        RunHeader::new(program).rules(bypass.chain(cached).collect()).nodes(nodes.collect());
    match cache {
        Some(dir) => header.cache(dir),
        None => header,
    }
}

/// What became of the write in a word; `None` if the rules keep no result of the call.
pub(crate) fn written(write: CacheWrite) -> Option<&'static str> {
    match write {
        CacheWrite::NotAsked => None,
        CacheWrite::Stored => Some("stored"),
        CacheWrite::Refreshed => Some("refreshed"),
        CacheWrite::Rejected => Some("rejected"),
        CacheWrite::KeptReal => Some("kept_real"),
        CacheWrite::TooLarge => Some("too_large"),
        CacheWrite::Failed => Some("failed"),
        CacheWrite::Suspended => Some("suspended"),
    }
}

fn warn(error: &chia_record::Error, what: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
