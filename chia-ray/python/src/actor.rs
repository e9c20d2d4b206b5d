//! The actors of chia-dispatch, hosted by a Ray actor: bytes in, bytes out.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::runtime::Runtime;

use crate::error;

/// Runs what actors await. One a process, and only in processes that host an actor.
static RUNTIME: LazyLock<Result<Runtime, std::io::Error>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("chia-actor").build()
});

/// A living actor of chia-dispatch. Calls may overlap, from any thread; none holds the GIL.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Actor {
    inner: Arc<dyn chia_dispatch::Actor>,
}

impl Actor {
    pub(crate) fn new(inner: Arc<dyn chia_dispatch::Actor>) -> Self {
        Self { inner }
    }

    /// Runs a method and waits for it.
    pub(crate) fn ask(
        &self,
        py: Python<'_>,
        method: &str,
        payload: Bytes,
        args: Vec<Bytes>,
    ) -> PyResult<Bytes> {
        let answer = py.detach(|| {
            let runtime = RUNTIME.as_ref().map_err(|cause| {
                Error::new(ErrorKind::Unavailable, format!("no runtime for actors: {cause}"))
            })?;
            runtime.block_on(self.inner.call(method, payload, args))
        });
        answer.map_err(|cause| error::dispatch(&cause))
    }
}

#[pymethods]
impl Actor {
    /// Runs a method.
    #[pyo3(signature = (method, payload, args = Vec::new()))]
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        payload: &[u8],
        args: Vec<pyo3::pybacked::PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let args = args.into_iter().map(Bytes::from_owner).collect();
        let answer = self.ask(py, method, Bytes::copy_from_slice(payload), args)?;
        Ok(PyBytes::new(py, &answer))
    }
}
