//! What the store knows of entries, as Python dictionaries.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chia_cache::{Facts, NewEntry, Origin, Stats, Written};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The facts that go with a new value.
pub(crate) fn new_entry(
    origin: &str,
    function: Option<String>,
    compute_seconds: Option<f64>,
) -> PyResult<NewEntry> {
    let origin = match origin {
        "real" => Origin::Real,
        "manual" => Origin::Manual,
        "provider" => Origin::Provider,
        "file" => Origin::File,
        _ => return Err(PyValueError::new_err(format!("`{origin}` is no origin of a value"))),
    };
    let mut entry = NewEntry::new(origin);
    if let Some(function) = function {
        entry = entry.function(function);
    }
    if let Some(seconds) = compute_seconds {
        entry = entry.compute_time(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    }
    Ok(entry)
}

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
