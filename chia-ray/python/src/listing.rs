//! The rules, as Python objects.

use std::collections::HashMap;

use chia_config::{CacheRule, Config};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The cache rules that are on: `True`, or the patterns.
pub(crate) fn cache_rules(py: Python<'_>, config: &Config) -> PyResult<HashMap<String, Py<PyAny>>> {
    let shown = |rule: &CacheRule| match rule.tags() {
        Some(tags) => {
            let texts = tags.patterns().iter().map(chia_config::Pattern::text);
            texts.collect::<Vec<_>>().into_py_any(py)
        }
        None => true.into_py_any(py),
    };
    let on = config.cache_rules().filter(|(_, rule)| rule.enabled());
    on.map(|(name, rule)| Ok((name.to_owned(), shown(rule)?))).collect()
}

/// The bypass rules: whether each is on, its file, its patterns.
pub(crate) fn bypass_rules<'py>(py: Python<'py>, config: &Config) -> PyResult<Bound<'py, PyDict>> {
    let (on, data, tags) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
    for (name, rule) in config.bypass_rules() {
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
