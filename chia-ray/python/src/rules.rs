//! Rules and decisions.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use chia_bypass::{Bypass, CacheLook, Override, RunSettings};
use chia_config::{Config, Diagnostic};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Explained};
use crate::fingerprint::Fingerprint;
use crate::settings::settings;
use crate::{entry, error, freshness, listing};

pub(crate) type Callables = Bypass<Py<PyAny>, Py<PyAny>>;

/// The rules of a loop with its providers and conditions, for one run.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Rules {
    bypass: RwLock<Callables>,
    check_by_default: bool,
    run: String,
}

/// Rules as they travel. Loops in Rust name these parts alike.
#[derive(Serialize, Deserialize)]
struct Packed<C> {
    config: C,
    settings: RunSettings,
    check_by_default: bool,
    run: String,
}

#[pymethods]
impl Rules {
    /// Rules from a YAML file, or none at all, for the run `run`: its mode, the pattern of tags to run
    /// again, and the pattern of the first tag to run. The variables `CHIA_MODE`, `CHIA_RERUN` and
    /// `CHIA_FROM` override them.
    #[new]
    #[pyo3(signature = (
        path = None, *, run = String::new(), mode = None, rerun = None, run_from = None,
        check_by_default = false
    ))]
    fn load(
        path: Option<PathBuf>,
        run: String,
        mode: Option<&str>,
        rerun: Option<&str>,
        run_from: Option<&str>,
        check_by_default: bool,
    ) -> PyResult<Self> {
        let config = match path {
            Some(path) => Config::load(path).map_err(|cause| error::config(&cause))?,
            None => Config::empty(),
        };
        let settings = settings(mode, rerun, run_from)?;
        Ok(Self::of(Packed { config, settings, check_by_default, run }))
    }

    /// Rules that travelled.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let packed = serde_json::from_slice(bytes);
        packed.map(Self::of).map_err(|cause| PyValueError::new_err(cause.to_string()))
    }

    /// The rules without providers and conditions, to travel.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bypass = self.read();
        let packed = Packed {
            config: bypass.config().as_ref(),
            settings: bypass.settings().clone(),
            check_by_default: self.check_by_default,
            run: self.run.clone(),
        };
        let bytes = serde_json::to_vec(&packed);
        let bytes = bytes.map_err(|cause| PyValueError::new_err(cause.to_string()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The id of the run.
    #[getter]
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// The mode of the run.
    #[getter]
    pub(crate) fn mode(&self) -> &'static str {
        self.read().settings().mode().name()
    }

    /// Registers the provider of a function.
    fn set_provider(&self, function: &str, provider: Py<PyAny>) {
        self.write().set_provider(function, provider);
    }

    /// Serves the calls of a function from the cache.
    fn set_replay(&self, py: Python<'_>, function: &str) {
        self.write().set_replay(function, py.None());
    }

    /// Registers the condition of a function.
    fn set_condition(&self, function: &str, condition: Py<PyAny>) {
        self.write().set_condition(function, condition);
    }

    /// Whether any bypass rule is on.
    #[getter]
    fn active(&self) -> bool {
        self.read().is_active()
    }

    /// Decides one call; `None` when no rule names the function, which is most calls. A `fresh` one runs
    /// although it would be replayed.
    #[pyo3(signature = (function, tag = None, fresh = false))]
    fn decide(
        &self,
        py: Python<'_>,
        function: &str,
        tag: Option<&str>,
        fresh: bool,
    ) -> Option<Decision> {
        let bypass = self.read();
        let decision = decide(&bypass, function, tag, fresh);
        bypass.config().bypass(function)?;
        Some(Decision::new(py, &bypass, decision))
    }

    /// Decides one call with the answer of its condition.
    #[pyo3(signature = (function, tag, answer, fresh = false))]
    fn resolve(
        &self,
        py: Python<'_>,
        function: &str,
        tag: Option<&str>,
        answer: bool,
        fresh: bool,
    ) -> Decision {
        let bypass = self.read();
        let decision = match decide(&bypass, function, tag, fresh) {
            chia_bypass::Decision::Ask(pending) => pending.resolve(answer),
            settled => settled,
        };
        Decision::new(py, &bypass, decision)
    }

    /// Why a decided call runs again if its provider would serve it from the cache; `None` if it need not.
    #[pyo3(signature = (tag = None, fresh = false))]
    fn must_rerun(&self, tag: Option<&str>, fresh: bool) -> Option<&'static str> {
        self.read().must_rerun(tag, fresh).map(Override::text)
    }

    /// Whether the first call to run has been decided.
    #[getter(from_reached)]
    fn has_reached_from(&self) -> bool {
        self.read().from_reached()
    }

    /// Records that the first call to run was decided in another process.
    fn set_from_reached(&self) {
        self.read().set_from_reached();
    }

    /// Why a call would be decided as it would be: its bypass, and its cache write.
    #[pyo3(signature = (function, tag = None))]
    fn explain(&self, function: &str, tag: Option<&str>) -> (String, String) {
        let bypass = self.read();
        let decision = bypass.decide(function, tag);
        let write = bypass.decide_write(decision.reason()).reason().to_string();
        (decision.reason().to_string(), write)
    }

    /// Whether the result of a call is written to the cache, given the explanation of its decision. A call
    /// without a tag is, where the rules make its tag.
    #[pyo3(signature = (function, tag = None, decided = None))]
    fn writes(&self, function: &str, tag: Option<&str>, decided: Option<&Explained>) -> bool {
        let bypass = self.read();
        match decided {
            Some(Explained(explanation)) => bypass.decide_write(&explanation.reason()).write(),
            None => bypass.decide_write(bypass.decide(function, tag).reason()).write(),
        }
    }

    /// Whether calls of a function without a tag get one that is made from their arguments.
    fn makes_tags(&self, function: &str) -> bool {
        let bypass = self.read();
        bypass.config().cache(function).is_some_and(|rule| rule.enabled() && rule.auto_tag())
    }

    /// The tag that is made for a call.
    fn auto_tag(&self, function: &str, fingerprint: &Fingerprint) -> String {
        fingerprint.inner.auto_tag(function, self.read().config())
    }

    /// Whether an entry with these packed facts may answer a call, and what differs, if anything does.
    fn compare(
        &self,
        function: &str,
        fingerprint: &Fingerprint,
        facts: &[u8],
    ) -> PyResult<(bool, Option<String>)> {
        let facts = entry::unpack_facts(facts)?;
        let bypass = self.read();
        let print = &fingerprint.inner;
        Ok(freshness::compare(bypass.config(), function, self.check_by_default, print, &facts))
    }

    /// How many seconds a rehearsed call takes whose computation is recorded to have taken `recorded`;
    /// `None` if neither the record nor the rule has a time.
    #[pyo3(signature = (function, recorded = None))]
    fn rehearsal_wait(&self, function: &str, recorded: Option<f64>) -> Option<f64> {
        let bypass = self.read();
        let rehearsal = bypass.config().bypass(function)?.rehearsal()?;
        let recorded = recorded.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        rehearsal.wait(recorded).map(|wait| wait.as_secs_f64())
    }

    /// What would become of calls, given as functions and tags: `replay`, `miss`, `replace`, `run`, `ask`
    /// or `fail`, and why. `look(function, tag)` says why the cache could not serve a call, or `None`.
    fn forecast(
        &self,
        calls: Vec<(String, Option<String>)>,
        look: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<(&'static str, String)>> {
        let mut failed = None;
        let bypass = self.read();
        let pairs = calls.iter().map(|(function, tag)| (function.as_str(), tag.as_deref()));
        let forecasts = bypass.forecast(pairs, |function, tag| {
            let why = look.call1((function, tag)).and_then(|why| why.extract::<Option<String>>());
            match why {
                Ok(None) => CacheLook::Hit,
                Ok(Some(why)) => CacheLook::Miss(why),
                Err(error) => {
                    failed.get_or_insert(error);
                    CacheLook::Miss(String::new())
                }
            }
        });
        failed.map_or_else(|| Ok(forecasts.iter().map(freshness::answer).collect()), Err)
    }

    /// What had no effect so far, for people.
    fn unused(&self) -> Vec<String> {
        self.read().unused().iter().map(ToString::to_string).collect()
    }

    /// Whether any cache rule is on.
    #[getter]
    fn caches(&self) -> bool {
        self.read().config().cache_rules().any(|(_, rule)| rule.enabled())
    }

    /// The cache rules that are on: `True`, or the patterns.
    fn cache_rules(&self, py: Python<'_>) -> PyResult<HashMap<String, Py<PyAny>>> {
        listing::cache_rules(py, self.read().config())
    }

    /// The bypass rules, as the original shows them: whether each is on, its file, its patterns.
    fn bypass_rules<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        listing::bypass_rules(py, self.read().config())
    }

    /// The rule's file of a function.
    fn data(&self, function: &str) -> Option<PathBuf> {
        Some(self.read().config().bypass(function)?.data()?.to_owned())
    }

    /// Every file that a rule names.
    fn data_paths(&self) -> Vec<PathBuf> {
        self.read().config().data_paths().map(|(_, path)| path.to_owned()).collect()
    }

    /// What is allowed but probably not meant.
    fn warnings(&self) -> Vec<String> {
        self.read().config().warnings().iter().map(Diagnostic::to_string).collect()
    }

    /// A warning for each rule whose name none of the functions has, and whether one has nearly that.
    fn check_names(&self, functions: Vec<String>) -> Vec<(String, bool)> {
        let bypass = self.read();
        let found = bypass.config().check_names(functions.iter().map(String::as_str));
        found.iter().map(|warning| (warning.to_string(), warning.help().is_some())).collect()
    }

    /// A warning for each parameter that the rules of a function ignore and that it does not have.
    fn check_arguments(&self, function: &str, parameters: Vec<Option<String>>) -> Vec<String> {
        let names: Vec<Option<&str>> = parameters.iter().map(Option::as_deref).collect();
        let found = self.read().config().check_arguments(function, &names);
        found.iter().map(Diagnostic::to_string).collect()
    }
}

impl Rules {
    fn of(packed: Packed<Config>) -> Self {
        let Packed { config, settings, check_by_default, run } = packed;
        let bypass = Bypass::with_settings(Arc::new(config), settings);
        Self { bypass: RwLock::new(bypass), check_by_default, run }
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(self.read().config())
    }

    fn read(&self) -> RwLockReadGuard<'_, Callables> {
        self.bypass.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Callables> {
        self.bypass.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decide<'a>(
    bypass: &'a Callables,
    function: &'a str,
    tag: Option<&'a str>,
    fresh: bool,
) -> chia_bypass::Decision<'a, Py<PyAny>, Py<PyAny>> {
    if fresh { bypass.decide_fresh(function, tag) } else { bypass.decide(function, tag) }
}
