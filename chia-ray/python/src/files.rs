//! The file server, for Python's own requests.

use std::path::PathBuf;

use bytes::Bytes;
use chia_dispatch::actors::{FilesInit, serve_files};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::actor::Actor;
use crate::error::DispatchError;

/// Serves the files that it was made for, and no others.
#[pyclass(frozen, module = "chia._native")]
pub(crate) struct FileServer {
    actor: Actor,
}

#[pymethods]
impl FileServer {
    /// A server of some absolute paths on this node.
    #[new]
    fn new(allowed: Vec<PathBuf>, node: &str) -> Self {
        let init = FilesInit { allowed: allowed.into_iter().collect() };
        Self { actor: Actor::new(serve_files(init, node)) }
    }

    /// The contents of a file.
    fn get_bytes<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.ask(py, "bytes", &path)?))
    }

    /// Whether a file is served, and there.
    fn exists(&self, py: Python<'_>, path: PathBuf) -> PyResult<bool> {
        let answer = self.ask(py, "exists", &path)?;
        postcard::from_bytes(&answer).map_err(|cause| DispatchError::new_err(cause.to_string()))
    }
}

impl FileServer {
    fn ask(&self, py: Python<'_>, method: &str, path: &PathBuf) -> PyResult<Bytes> {
        let request = postcard::to_stdvec(path)
            .map_err(|cause| DispatchError::new_err(format!("{}: {cause}", path.display())))?;
        self.actor.ask(py, method, request.into(), Vec::new())
    }
}
