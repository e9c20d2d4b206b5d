//! The record of a run.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chia_config::{Config, TagPatterns};
use chia_record::{CallEnd, CallStart, NodeInfo, Recorder, Retention, RuleInfo, RunHeader, prune};
use pyo3::prelude::*;

use crate::decision::Explained;
use crate::rules::Rules;

/// A call in the record: its id, and when it was dispatched.
type Entry = (u64, u64);

/// The directory for the records of a loop: what `CHIA_RUNS` says, else `chosen`, else `runs` beside the
/// cache; `None` where the loop keeps no record.
#[pyfunction]
#[pyo3(signature = (chosen = None, cache = None))]
pub(crate) fn runs_folder(chosen: Option<PathBuf>, cache: Option<PathBuf>) -> Option<PathBuf> {
    chia_record::runs_folder(chosen.as_deref(), cache.as_deref())
}

/// Writes the calls of a loop into the record of its run. Its methods may be called from any thread.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct RunRecord {
    recorder: Recorder,
    started: SystemTime,
}

/// What became of a call: the `Outcome` of the Python package.
#[derive(FromPyObject)]
struct Outcome {
    became: String,
    seconds: f64,
    saved: f64,
    stale: Option<String>,
    missed: Option<String>,
    written: Option<String>,
    node: String,
    started: f64,
    size: u64,
    arguments: Vec<u128>,
}

#[pymethods]
impl RunRecord {
    /// Starts the record of a run in `folder`, and prunes the old ones there. Gives warnings for the user,
    /// and no record where none can be written. `rules` are those of the bypass and of the cache, whose
    /// directory is `cache`; `nodes` are names with what each has to give.
    #[staticmethod]
    fn create(
        py: Python<'_>,
        folder: PathBuf,
        program: &str,
        rules: (PyRef<'_, Rules>, PyRef<'_, Rules>),
        cache: Option<PathBuf>,
        nodes: Vec<(String, String)>,
    ) -> (Option<Self>, Vec<String>) {
        let (bypass, cached) = (rules.0.config(), rules.1.config());
        let mut header = RunHeader::new(program).rules(listed(&bypass, &cached));
        header.nodes =
            nodes.into_iter().map(|(name, resources)| NodeInfo { name, resources }).collect();
        if !rules.0.run().is_empty() {
            header = header.id(rules.0.run());
        }
        if let Some(dir) = &cache {
            header = header.cache(dir);
        }
        if rules.0.mode() != "auto" {
            header = header.mode(rules.0.mode());
        }
        py.detach(|| Self::open(&folder, header))
    }

    /// The file.
    #[getter]
    fn path(&self) -> &Path {
        self.recorder.path()
    }

    /// Records that a call is about to be dispatched. `action` is that of its decision.
    #[pyo3(signature = (function, tag, action, explained, version, resources, parent))]
    #[expect(clippy::too_many_arguments, reason = "the facts of a call, given by name")]
    fn begin(
        &self,
        function: &str,
        tag: Option<&str>,
        action: &str,
        explained: Option<&Explained>,
        version: Option<&str>,
        resources: Option<&str>,
        parent: Option<Entry>,
    ) -> Entry {
        let (id, queued_us) = (self.recorder.next_id(), self.recorder.now_us());
        let action = if action == "must_replay" { "replay" } else { action };
        let (reason, rule) = explained.map_or_else(not_listed, Explained::in_a_word);
        let mut start = CallStart::new(id, queued_us, function).decision(action, &reason);
        start.parent = parent.map(|(id, _)| id);
        start.tag = tag.map(Into::into);
        start.rule = rule.map(Into::into);
        start.version = version.map(Into::into);
        start.resources = resources.map(Into::into);
        self.recorder.start(&start);
        (id, queued_us)
    }

    /// Records that a call ended. When this returns, the line is in the file, unless the disk stalls.
    fn end(&self, py: Python<'_>, entry: Entry, outcome: Outcome) {
        py.detach(|| self.write_end(entry, &outcome));
    }

    /// Records that a call failed, or was cancelled.
    fn fail(&self, py: Python<'_>, entry: Entry, error: &str, cancelled: bool) {
        let how = if cancelled { "cancelled" } else { "failed" };
        let end = CallEnd::new(entry.0, self.recorder.now_us(), how).error(error);
        py.detach(|| self.recorder.end(&end));
    }

    /// Ends the record with what had no effect. Gives warnings for the user.
    fn finish(&self, py: Python<'_>, unused: Vec<String>) -> Vec<String> {
        let finished = py.detach(|| self.recorder.finish(unused));
        let failed =
            finished.err().map(|error| format!("the record of this run is not whole: {error}"));
        let dropped = self.recorder.stats().dropped;
        let missing =
            (dropped > 0).then(|| format!("{dropped} lines are missing in the record of this run"));
        failed.into_iter().chain(missing).collect()
    }
}

impl RunRecord {
    fn open(folder: &Path, header: RunHeader) -> (Option<Self>, Vec<String>) {
        let mut warnings = Vec::new();
        match prune(folder, Retention::default()) {
            Ok(pruned) if pruned.failed > 0 => {
                let (failed, folder) = (pruned.failed, folder.display());
                warnings.push(format!("{failed} old run records in {folder} cannot be removed"));
            }
            Ok(_) => {}
            Err(error) => warnings.push(format!("old run records cannot be pruned: {error}")),
        }
        let recorder = Recorder::create(folder, header)
            .map_err(|error| warnings.push(format!("this run leaves no record: {error}")));
        (recorder.ok().map(|recorder| Self { recorder, started: SystemTime::now() }), warnings)
    }

    fn write_end(&self, (id, queued_us): Entry, outcome: &Outcome) {
        let mut end = CallEnd::new(id, self.recorder.now_us(), how(&outcome.became))
            .node(&outcome.node)
            .took_us(micros(outcome.seconds))
            .bytes(outcome.size)
            .saved_us(micros(outcome.saved))
            .args(outcome.arguments.iter().copied().map(Some));
        if outcome.started > 0.0 {
            end = end.waited_us(self.since(outcome.started).saturating_sub(queued_us));
        }
        if let Some(written) = &outcome.written {
            end = end.write(written_word(written));
        }
        if let Some(miss) = &outcome.missed {
            end = end.miss(miss);
        }
        if let Some(stale) = &outcome.stale {
            end = end.stale(stale);
        }
        self.recorder.end(&end);
    }

    /// A time of a node's clock, in seconds since 1970, in microseconds since the start of the run.
    fn since(&self, seconds: f64) -> u64 {
        let start = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        micros(seconds - start.as_secs_f64())
    }
}

impl Explained {
    /// The gate in one word, as loops in Rust record it, and the place of the rule.
    fn in_a_word(&self) -> (String, Option<String>) {
        let word = serde_json::to_string(&self.0.gate()).unwrap_or_default();
        let rule = self.0.reason().rule().map(ToString::to_string);
        (word.trim_matches('"').to_owned(), rule)
    }
}

fn not_listed() -> (String, Option<String>) {
    ("not_listed".to_owned(), None)
}

/// The outcome as a record names it.
fn how(became: &str) -> &str {
    match became {
        "provided" => "provider",
        "recorded" => "file",
        other => other,
    }
}

/// What a write did, as a record names it.
fn written_word(written: &str) -> &str {
    match written {
        "collision" => "stored",
        "skipped" => "suspended",
        other => other,
    }
}

/// Whole microseconds; a time before zero is zero.
fn micros(seconds: f64) -> u64 {
    chia_record::micros(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// The rules, as the header of a record lists them.
fn listed(bypass: &Config, cached: &Config) -> Vec<RuleInfo> {
    let bypass = bypass.bypass_rules().map(|(name, rule)| {
        let tags = rule.tags().map(TagPatterns::texts);
        RuleInfo::new("bypass", name, rule.location(), rule.enabled(), tags)
    });
    let cached = cached.cache_rules().map(|(name, rule)| {
        let tags = rule.tags().map(TagPatterns::texts);
        RuleInfo::new("cache", name, rule.location(), rule.enabled(), tags)
    });
    bypass.chain(cached).collect()
}
