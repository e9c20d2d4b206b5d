//! The direct way to a cache.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use chia_services::CacheEndpoint;
use pyo3::prelude::*;

use crate::entry::unpack_entry;
use crate::pieces::Pieces;
use crate::store::{Found, found};
use crate::{error, facts};

/// The direct way to the endpoint that a cache's actor named, for all threads of a process.
///
/// Operations take `timeout` seconds at most, and raise `OSError` when the cache cannot be reached or
/// does not answer in time: then there is the way through the actor.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct DirectClient {
    inner: chia_services::DirectClient,
}

#[pymethods]
impl DirectClient {
    /// The way to the endpoint that the actor answered with.
    #[new]
    fn open(endpoint: &[u8]) -> PyResult<Self> {
        Ok(Self { inner: chia_services::DirectClient::new(read_endpoint(endpoint)?) })
    }

    /// Whether there is an endpoint, as far as is known.
    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    /// Whether it is time to ask the actor for its endpoint.
    fn wants_endpoint(&self) -> bool {
        self.inner.take_reconnect_slot()
    }

    /// Takes the endpoint that the actor named.
    fn learn(&self, endpoint: &[u8]) -> PyResult<()> {
        self.inner.set_endpoint(read_endpoint(endpoint)?);
        Ok(())
    }

    /// Writes a value, given as buffers that belong together, with its packed entry. Returns what was
    /// done, in one word.
    fn write(
        &self,
        py: Python<'_>,
        timeout: f64,
        tag: &str,
        value: Vec<Bound<'_, PyAny>>,
        entry: &[u8],
    ) -> PyResult<&'static str> {
        let entry = unpack_entry(entry)?;
        let pieces = Pieces::new(&value)?;
        let length = pieces.len() as u64;
        let send = |to: &mut dyn io::Write| pieces.write_to(to);
        self.ask(py, timeout, |client, timeout| client.write(tag, length, &send, entry, timeout))
            .map(facts::written)
    }

    /// The value under a tag with its packed facts, or `None`. It counts as used.
    fn read<'py>(&self, py: Python<'py>, timeout: f64, tag: &str) -> PyResult<Option<Found<'py>>> {
        let entry = self.ask(py, timeout, |client, timeout| client.read(tag, timeout))?;
        entry.map(|(value, facts)| found(py, &value, &facts)).transpose()
    }

    /// As `read`, with the packed facts of the entry, if it may stand for a computation of `function`;
    /// otherwise why not.
    fn replay<'py>(
        &self,
        py: Python<'py>,
        timeout: f64,
        tag: &str,
        function: &str,
    ) -> PyResult<(Option<Found<'py>>, Option<String>)> {
        match self.ask(py, timeout, |client, timeout| client.replay(tag, function, timeout))? {
            Ok((value, facts)) => Ok((Some(found(py, &value, &facts)?), None)),
            Err(why) => Ok((None, Some(why))),
        }
    }

    /// Whether there is a value under a tag. Does not count as use.
    fn has(&self, py: Python<'_>, timeout: f64, tag: &str) -> PyResult<bool> {
        self.ask(py, timeout, |client, timeout| client.has(tag, timeout))
    }
}

impl DirectClient {
    fn ask<R: Send>(
        &self,
        py: Python<'_>,
        timeout: f64,
        step: impl FnOnce(
            &chia_services::DirectClient,
            Duration,
        ) -> io::Result<chia_dispatch::Result<R>>
        + Send,
    ) -> PyResult<R> {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or_default();
        let answer = py.detach(|| step(&self.inner, timeout))?;
        answer.map_err(|cause| error::dispatch(&cause))
    }
}

fn read_endpoint(answer: &[u8]) -> PyResult<Option<CacheEndpoint>> {
    let endpoint = CacheEndpoint::from_answer(&Bytes::copy_from_slice(answer));
    endpoint.map_err(|cause| error::dispatch(&cause))
}
