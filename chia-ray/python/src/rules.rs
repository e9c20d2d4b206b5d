//! Rules and decisions.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chia_bypass::{Bypass, Gate, Reason, With};
use chia_config::{BypassRule, CacheRule, Config, Diagnostic};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error;

type Callables = Bypass<Py<PyAny>, Py<PyAny>>;

/// The rules of a loop with its providers and conditions.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Rules {
    bypass: RwLock<Callables>,
}

/// What becomes of one call.
#[pyclass(frozen, get_all, module = "chia_ray._native")]
pub(crate) struct Decision {
    /// Whether the computation is replaced.
    replaced: bool,
    /// The provider that replaces it, if one does.
    provider: Option<Py<PyAny>>,
    /// The rule's file, for a provider, a condition, or as the value itself.
    data: Option<PathBuf>,
    /// The condition that has the last word; then nothing else is settled yet.
    condition: Option<Py<PyAny>>,
    /// Why, for people.
    reason: String,
    /// Whether the rules replace it, and nothing is there to replace it with.
    unreplaced: bool,
    /// Whether the user should be told so now.
    notice: bool,
}

#[pymethods]
impl Rules {
    /// Rules from a YAML file, or none at all.
    #[new]
    #[pyo3(signature = (path = None))]
    fn load(path: Option<PathBuf>) -> PyResult<Self> {
        let config = match path {
            Some(path) => Config::load(path).map_err(|cause| error::config(&cause))?,
            None => Config::empty(),
        };
        refuse_rehearsals(&config)?;
        Ok(Self::of(config))
    }

    /// Rules that travelled.
    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let config = serde_json::from_slice(bytes);
        config.map(Self::of).map_err(|cause| PyValueError::new_err(cause.to_string()))
    }

    /// The rules without providers and conditions, to travel.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = serde_json::to_vec(self.read().config().as_ref());
        let bytes = bytes.map_err(|cause| PyValueError::new_err(cause.to_string()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Registers the provider of a function.
    fn set_provider(&self, function: &str, provider: Py<PyAny>) {
        self.write().set_provider(function, provider);
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

    /// Decides one call; `None` when no rule names the function, which is most calls.
    #[pyo3(signature = (function, tag = None))]
    fn decide(&self, py: Python<'_>, function: &str, tag: Option<&str>) -> Option<Decision> {
        let bypass = self.read();
        bypass.config().bypass(function)?;
        Some(Decision::new(py, &bypass, bypass.decide(function, tag)))
    }

    /// Decides one call with the answer of its condition.
    fn resolve(&self, py: Python<'_>, function: &str, tag: Option<&str>, answer: bool) -> Decision {
        let bypass = self.read();
        let decision = match bypass.decide(function, tag) {
            chia_bypass::Decision::Ask(pending) => pending.resolve(answer),
            settled => settled,
        };
        Decision::new(py, &bypass, decision)
    }

    /// Why a call would be decided as it would be: its bypass, and its cache write.
    #[pyo3(signature = (function, tag = None))]
    fn explain(&self, function: &str, tag: Option<&str>) -> (String, String) {
        let bypass = self.read();
        let decision = bypass.decide(function, tag);
        let write = bypass.decide_write(decision.reason()).reason().to_string();
        (decision.reason().to_string(), write)
    }

    /// Whether the result of a call is written to the cache.
    #[pyo3(signature = (function, tag = None))]
    fn writes(&self, function: &str, tag: Option<&str>) -> bool {
        let bypass = self.read();
        tag.is_some() && bypass.decide_write(bypass.decide(function, tag).reason()).write()
    }

    /// Whether any cache rule is on.
    #[getter]
    fn caches(&self) -> bool {
        self.read().config().cache_rules().any(|(_, rule)| rule.enabled())
    }

    /// The cache rules that are on: `True`, or the patterns.
    fn cache_rules(&self, py: Python<'_>) -> PyResult<HashMap<String, Py<PyAny>>> {
        let bypass = self.read();
        let shown = |rule: &CacheRule| match rule.tags() {
            Some(tags) => {
                let texts = tags.patterns().iter().map(chia_config::Pattern::text);
                texts.collect::<Vec<_>>().into_py_any(py)
            }
            None => true.into_py_any(py),
        };
        let on = bypass.config().cache_rules().filter(|(_, rule)| rule.enabled());
        on.map(|(name, rule)| Ok((name.to_owned(), shown(rule)?))).collect()
    }

    /// The bypass rules, as the original shows them: whether each is on, its file, its patterns.
    fn bypass_rules<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (on, data, tags) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
        for (name, rule) in self.read().config().bypass_rules() {
            on.set_item(name, rule.enabled())?;
            if let Some(path) = rule.data() {
                data.set_item(name, path.to_string_lossy())?;
            }
            if let Some(patterns) = rule.tags() {
                let texts = patterns.patterns().iter().map(chia_config::Pattern::text);
                tags.set_item(name, texts.collect::<Vec<_>>())?;
            }
        }
        let rules = PyDict::new(py);
        rules.set_item("bypass", on)?;
        rules.set_item("data_paths", data)?;
        rules.set_item("tag_patterns", tags)?;
        Ok(rules)
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
}

/// Loops in Python have no rehearsals: a rule that asks for one must not go unheard.
fn refuse_rehearsals(config: &Config) -> PyResult<()> {
    let on = |rule: &BypassRule| rule.enabled() && rule.rehearsal().is_some();
    match config.bypass_rules().find(|(_, rule)| on(rule)) {
        None => Ok(()),
        Some((name, rule)) => Err(error::ConfigError::new_err(format!(
            "{}: `{name}` cannot be rehearsed: only loops in Rust have rehearsals",
            rule.location()
        ))),
    }
}

impl Rules {
    fn of(config: Config) -> Self {
        Self { bypass: RwLock::new(Bypass::new(Arc::new(config))) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Callables> {
        self.bypass.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Callables> {
        self.bypass.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decision {
    fn new(
        py: Python<'_>,
        bypass: &Callables,
        decision: chia_bypass::Decision<'_, Py<PyAny>, Py<PyAny>>,
    ) -> Self {
        let notice = bypass.first_notice(decision.reason());
        let settled = Self {
            replaced: false,
            provider: None,
            data: None,
            condition: None,
            reason: reason(decision.reason()),
            unreplaced: decision.reason().gate() == Gate::NoReplacement,
            notice,
        };
        match decision {
            chia_bypass::Decision::Run(_) | chia_bypass::Decision::Fail(_) => settled,
            chia_bypass::Decision::Ask(pending) => Self {
                data: pending.data().map(Into::into),
                condition: Some(pending.condition().clone_ref(py)),
                ..settled
            },
            chia_bypass::Decision::Replace(replacement) => {
                let (provider, data) = match replacement.with() {
                    With::Provider(provider, data) => (Some(provider.clone_ref(py)), data),
                    With::Data(data) => (None, Some(data)),
                    // Such rules are refused when they are loaded.
                    With::Rehearsal(_) => (None, None),
                };
                Self { replaced: true, provider, data: data.map(Into::into), ..settled }
            }
        }
    }
}

fn reason(reason: &Reason<'_>) -> String {
    reason.to_string()
}
