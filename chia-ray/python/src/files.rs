//! The file server, for Python's own requests.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use chia_services::{FilesInit, message, serve_files};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::actor::Actor;
use crate::error;

/// Serves the files that it was made for, and no others.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct FileServer {
    inner: Arc<dyn chia_dispatch::Actor>,
}

#[pymethods]
impl FileServer {
    /// A server of some absolute paths on this node.
    #[new]
    fn new(allowed: Vec<PathBuf>, node: &str) -> Self {
        let init = FilesInit { allowed: allowed.into_iter().collect() };
        Self { inner: serve_files(init, node).into() }
    }

    /// The server that a loop in Rust asks for, from what it packed.
    #[staticmethod]
    fn from_bytes(init: &[u8], node: &str) -> PyResult<Self> {
        let init = FilesInit::from_bytes(&Bytes::copy_from_slice(init));
        let init = init.map_err(|cause| error::dispatch(&cause))?;
        Ok(Self { inner: serve_files(init, node).into() })
    }

    /// The same server as the actor that loops in Rust speak to.
    fn actor(&self) -> Actor {
        Actor::new(Arc::clone(&self.inner))
    }

    /// The contents of a file.
    fn get_bytes<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.ask(py, "bytes", &path)?))
    }

    /// Whether a file is served, and there.
    fn exists(&self, py: Python<'_>, path: PathBuf) -> PyResult<bool> {
        let answer = self.ask(py, "exists", &path)?;
        let (exists, _) = message::unpack(&answer).map_err(|cause| error::dispatch(&cause))?;
        Ok(exists)
    }
}

impl FileServer {
    fn ask(&self, py: Python<'_>, method: &str, path: &PathBuf) -> PyResult<Bytes> {
        let request = message::pack(path, &[]).map_err(|cause| error::dispatch(&cause))?;
        self.actor().ask(py, method, request, Vec::new())
    }
}
