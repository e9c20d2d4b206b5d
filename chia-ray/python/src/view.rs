//! A store that is only looked at.

use std::path::PathBuf;

use chia_cache::{ReadOnlyStore, Replay, ReplayMiss};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::store::{Found, found};
use crate::{error, facts};

/// A store that is only looked at, beside its owner or without one: what it held when it was opened or
/// last refreshed.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct StoreView {
    inner: ReadOnlyStore,
}

#[pymethods]
impl StoreView {
    /// Opens the store of a directory.
    #[new]
    fn open(py: Python<'_>, dir: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| chia_cache::Store::open_read_only(dir));
        opened.map(|inner| Self { inner }).map_err(|cause| error::cache(&cause))
    }

    /// Shows what the store holds now.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        self.look(py, ReadOnlyStore::refresh)
    }

    /// The value under a tag alone, or `None`.
    fn get<'py>(&self, py: Python<'py>, tag: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let entry = self.look(py, |store| store.read(tag))?;
        Ok(entry.map(|entry| PyBytes::new(py, &entry.value)))
    }

    /// The value under a tag with its packed facts, or `None`.
    fn read<'py>(&self, py: Python<'py>, tag: &str) -> PyResult<Option<Found<'py>>> {
        let entry = self.look(py, |store| store.read(tag))?;
        entry.map(|entry| found(py, &entry.value, &entry.facts)).transpose()
    }

    /// As `read`, if the entry may stand for a computation of `function`; otherwise why not.
    fn replay<'py>(
        &self,
        py: Python<'py>,
        tag: &str,
        function: &str,
    ) -> PyResult<(Option<Found<'py>>, Option<String>)> {
        match self.look(py, |store| store.replay(tag, function))? {
            Replay::Hit(entry) => Ok((Some(found(py, &entry.value, &entry.facts)?), None)),
            Replay::Miss(why) => Ok((None, Some(why.to_string()))),
        }
    }

    /// Why a `replay` would not serve an entry for `function`; `None` if it would.
    fn replay_miss(&self, py: Python<'_>, tag: &str, function: &str) -> PyResult<Option<String>> {
        let known = self.look(py, |store| store.facts(tag))?;
        let miss = known.map_or(Some(ReplayMiss::Absent), |known| known.replay_miss(function));
        Ok(miss.map(|why| why.to_string()))
    }

    /// Whether there is a value under a tag.
    fn has(&self, py: Python<'_>, tag: &str) -> PyResult<bool> {
        self.look(py, |store| store.has(tag))
    }

    /// The facts of an entry, or `None`.
    fn facts<'py>(&self, py: Python<'py>, tag: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        let known = self.look(py, |store| store.facts(tag))?;
        known.map(|known| facts::facts(py, &known)).transpose()
    }

    /// All tags, sorted.
    fn keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.look(py, ReadOnlyStore::keys)
    }

    /// What the entries count against the budget.
    fn size_bytes(&self) -> u64 {
        self.inner.stats().bytes
    }

    /// The state of the store.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        facts::stats(py, &self.inner.stats())
    }

    /// Nothing is to be written.
    fn close(&self) {}
}

impl StoreView {
    fn look<R: Send>(
        &self,
        py: Python<'_>,
        step: impl FnOnce(&ReadOnlyStore) -> chia_cache::Result<R> + Send,
    ) -> PyResult<R> {
        py.detach(|| step(&self.inner)).map_err(|cause| error::cache(&cause))
    }
}
