//! What the store knows of entries, as Python dictionaries.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use chia_cache::{Facts, Stats, Written};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What a write did, in one word.
pub(crate) fn written(written: Written) -> &'static str {
    match written {
        Written::Stored { collision: true } => "collision",
        Written::Stored { collision: false } => "stored",
        Written::Refreshed => "refreshed",
        Written::KeptReal => "kept_real",
        Written::TooLarge => "too_large",
        _ => "other",
    }
}

/// The facts of an entry; times are seconds, points in time count from 1970.
pub(crate) fn facts<'py>(py: Python<'py>, facts: &Facts) -> PyResult<Bound<'py, PyDict>> {
    let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let dict = PyDict::new(py);
    dict.set_item("tag", &facts.tag)?;
    dict.set_item("function", &facts.function)?;
    dict.set_item("origin", facts.origin.to_string())?;
    dict.set_item("size", facts.size)?;
    dict.set_item("created", seconds(facts.created))?;
    dict.set_item("last_read", facts.last_read.map(seconds))?;
    dict.set_item("compute_seconds", facts.compute_time.map(|time| time.as_secs_f64()))?;
    let provenance = &facts.provenance;
    dict.set_item("version", &provenance.version)?;
    dict.set_item("run", &provenance.run)?;
    dict.set_item("labels", provenance.labels.iter().cloned().collect::<HashMap<_, _>>())?;
    let arguments = provenance.arguments.iter();
    let shown = arguments.map(|one| (one.name.clone(), one.repr.clone(), one.hash.to_string()));
    dict.set_item("arguments", shown.collect::<Vec<_>>())?;
    Ok(dict)
}

/// The counters of a store, by the names that they have in Rust.
pub(crate) fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let counters = serde_json::to_value(stats).unwrap_or_default();
    for (name, value) in counters.as_object().into_iter().flatten() {
        dict.set_item(name, value.as_u64())?;
    }
    Ok(dict)
}
