//! The exceptions that the crates' errors become.

use chia_dispatch::with_causes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    chia_ray._native,
    ConfigError,
    PyValueError,
    "The rules are wrong: every problem at once."
);
pyo3::create_exception!(
    chia_ray._native,
    CacheError,
    PyRuntimeError,
    "The store could not do what was asked. `kind` tells what went wrong: io, full, locked, …"
);
pyo3::create_exception!(
    chia_ray._native,
    DispatchError,
    PyRuntimeError,
    "An actor refused a request. `kind` is the error kind of chia-dispatch: cache, data_file, …"
);

pyo3::create_exception!(
    chia_ray._native,
    ArchiveError,
    PyValueError,
    "A file or a directory cannot be packed or unpacked. `kind` tells what went wrong: io, exists, \
     bad_archive, …"
);

/// An exception for an error of chia-archive.
pub(crate) fn archive(error: &chia_archive::Error) -> PyErr {
    let kind = snake_case(&format!("{:?}", error.kind()));
    of_kind(ArchiveError::new_err(with_causes(error)), &kind)
}

/// `BadArchive` as `bad_archive`.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// An exception for an error of chia-config.
pub(crate) fn config(error: &chia_config::ConfigError) -> PyErr {
    ConfigError::new_err(with_causes(error))
}

/// An exception for an error of chia-cache.
pub(crate) fn cache(error: &chia_cache::Error) -> PyErr {
    use chia_cache::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::Io => "io",
        ErrorKind::Full => "full",
        ErrorKind::ReadOnly => "read_only",
        ErrorKind::NotADirectory => "not_a_directory",
        ErrorKind::Locked { .. } => "locked",
        ErrorKind::Version { .. } => "version",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Tag => "tag",
        ErrorKind::Closed => "closed",
        _ => "other",
    };
    of_kind(CacheError::new_err(with_causes(error)), kind)
}

/// An exception for an error of chia-dispatch.
pub(crate) fn dispatch(error: &chia_dispatch::Error) -> PyErr {
    let kind = serde_json::to_value(error.kind()).ok();
    let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("task_failed");
    of_kind(DispatchError::new_err(with_causes(error)), kind)
}

fn of_kind(error: PyErr, kind: &str) -> PyErr {
    // Setting an attribute of a fresh exception fails only when memory is out.
    let set = Python::attach(|py| error.value(py).setattr("kind", kind));
    set.err().unwrap_or(error)
}
