//! What is recorded beside a value, packed to travel between processes.

use std::time::Duration;

use chia_bypass::{ArgumentPrint, Digest};
use chia_cache::{Codec, Facts, NewEntry, Origin};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fingerprint::Fingerprint;

/// Packs what is recorded beside a value: where it comes from, its function, the seconds that it took
/// to compute, the call's fingerprint, and the run that computed it; and whether the value is plain bytes,
/// and not a pickle.
#[pyfunction]
#[pyo3(signature = (
    origin, function = None, seconds = None, fingerprint = None, run = None, raw = false
))]
pub(crate) fn new_entry<'py>(
    py: Python<'py>,
    origin: &str,
    function: Option<String>,
    seconds: Option<f64>,
    fingerprint: Option<&Fingerprint>,
    run: Option<&str>,
    raw: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut entry = NewEntry::new(match origin {
        "real" => Origin::Real,
        "manual" => Origin::Manual,
        "provider" => Origin::Provider,
        "file" => Origin::File,
        _ => return Err(PyValueError::new_err(format!("`{origin}` is no origin of a value"))),
    });
    if raw {
        entry = entry.codec(Codec::Raw);
    }
    if let Some(function) = function {
        entry = entry.function(function);
    }
    if let Some(seconds) = seconds {
        entry = entry.compute_time(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    }
    if let Some(fingerprint) = fingerprint {
        entry = record(&fingerprint.inner, entry);
    }
    if let Some(run) = run {
        entry = entry.run(run);
    }
    let packed = postcard::to_stdvec(&entry).map_err(unreadable)?;
    Ok(PyBytes::new(py, &packed))
}

/// Reads a packed entry.
pub(crate) fn unpack_entry(packed: &[u8]) -> PyResult<NewEntry> {
    postcard::from_bytes(packed).map_err(unreadable)
}

/// Packs the facts of an entry, for a comparison elsewhere.
pub(crate) fn pack_facts<'py>(py: Python<'py>, facts: &Facts) -> PyResult<Bound<'py, PyBytes>> {
    let packed = postcard::to_stdvec(facts).map_err(unreadable)?;
    Ok(PyBytes::new(py, &packed))
}

/// Reads packed facts.
pub(crate) fn unpack_facts(packed: &[u8]) -> PyResult<Facts> {
    postcard::from_bytes(packed).map_err(unreadable)
}

/// The fingerprint that an entry was recorded with. Entries written by hand, and by versions before
/// fingerprints, have none.
pub(crate) fn recorded(facts: &Facts) -> Option<chia_bypass::Fingerprint> {
    let provenance = &facts.provenance;
    // Without a run no call wrote the entry: no argument is not the same as none known.
    provenance.run.as_ref()?;
    let argument = |recorded: &chia_cache::Fingerprint| ArgumentPrint {
        name: recorded.name.clone(),
        hash: Digest(recorded.hash.0),
        len: recorded.len,
        value: recorded.repr.clone(),
    };
    Some(chia_bypass::Fingerprint {
        version: provenance.version.clone(),
        code: provenance.code.map(|code| Digest(code.0)),
        arguments: provenance.arguments.iter().map(argument).collect(),
    })
}

fn record(fingerprint: &chia_bypass::Fingerprint, entry: NewEntry) -> NewEntry {
    let argument = |print: &ArgumentPrint| {
        let mut recorded = chia_cache::Fingerprint::new(print.hash.0, print.len);
        if let Some(name) = &print.name {
            recorded = recorded.name(name);
        }
        recorded.repr.clone_from(&print.value);
        recorded
    };
    let mut entry = entry.arguments(fingerprint.arguments.iter().map(argument).collect());
    if let Some(version) = &fingerprint.version {
        entry = entry.version(version);
    }
    if let Some(code) = fingerprint.code {
        entry = entry.code(code.0);
    }
    entry
}

fn unreadable(cause: postcard::Error) -> PyErr {
    PyValueError::new_err(format!("the facts of an entry cannot be read: {cause}"))
}
