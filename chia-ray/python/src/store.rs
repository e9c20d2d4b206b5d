//! The store.

use std::ffi::CString;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chia_cache::{ByteSize, Durability, Facts, NewEntry, Origin, Replay, ReplayMiss};
use chia_services::{CacheInit, OverlayStore, Secret, serve_cache, serve_cache_at};
use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::actor::Actor;
use crate::entry::{pack_facts, unpack_entry};
use crate::pieces::Pieces;
use crate::{error, facts};

/// A value with the packed facts of its entry, and the seconds that it took to compute.
pub(crate) type Found<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Option<f64>);

/// Values up to this size are gathered in memory; larger ones stream.
const GATHER: usize = 1024 * 1024;

/// Packs what a cache is opened with, for [`Store`] and for the cache actor of any backend: in `dir`, and,
/// where it is to be an overlay, of the cache in the directory `base`.
#[pyfunction]
#[pyo3(signature = (dir, budget, durability, lock_wait, base = None))]
pub(crate) fn cache_init<'py>(
    py: Python<'py>,
    dir: PathBuf,
    budget: u64,
    durability: &str,
    lock_wait: f64,
    base: Option<PathBuf>,
) -> PyResult<Bound<'py, PyBytes>> {
    let durability = match durability {
        "durable" => Durability::Durable,
        "relaxed" => Durability::Relaxed,
        _ => {
            let message = format!("`{durability}` is neither `durable` nor `relaxed`");
            return Err(PyValueError::new_err(message));
        }
    };
    let lock_wait = Duration::try_from_secs_f64(lock_wait)
        .map_err(|cause| PyValueError::new_err(format!("lock_wait: {cause}")))?;
    let budget = ByteSize::new(budget);
    let init = CacheInit { dir, budget, durability, lock_wait, policy: None, allow_shrink: false };
    let packed = init.to_request(base.as_deref()).map_err(|cause| error::dispatch(&cause))?;
    Ok(PyBytes::new(py, &packed))
}

/// The LRU store of a directory. Its methods may overlap, from any thread; none holds the GIL while
/// it waits for the disk.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Store {
    inner: OverlayStore,
}

#[pymethods]
impl Store {
    /// Opens the store of a packed [`cache_init`], as an overlay of its base if it has one.
    #[new]
    fn open(py: Python<'_>, init: &[u8]) -> PyResult<Self> {
        let init = Bytes::copy_from_slice(init);
        let opened = py.detach(|| {
            let (init, base) = CacheInit::from_request(&init)?;
            let store = OverlayStore::new(init.open()?);
            base.map_or(Ok(()), |base| store.attach(Some(&base)))?;
            Ok(store)
        });
        opened.map(|inner| Self { inner }).map_err(|cause| error::dispatch(&cause))
    }

    /// Makes sure that the base of an overlay can be read.
    fn open_base(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.inner.attach(None)).map_err(|cause| error::dispatch(&cause))
    }

    /// The same store as the actor that loops in Rust speak to. Its endpoint will be on this machine's
    /// address `host`; `secret` is 32 random bytes. Without an IP address it has no endpoint, and is asked
    /// through its actor.
    fn actor(&self, py: Python<'_>, host: &str, secret: Secret) -> PyResult<Actor> {
        let store = self.inner.clone();
        let Ok(host) = host.parse() else {
            let why = format!("the cache opens no endpoint: `{host}` is no IP address");
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(why)?, 1)?;
            return Ok(Actor::new(serve_cache(store).into()));
        };
        Ok(Actor::new(serve_cache_at(store, host, secret).into()))
    }

    /// Writes a value, given as buffers that belong together, with its packed entry; by hand unless it is
    /// given. Returns what was done, in one word.
    #[pyo3(signature = (tag, value, entry = None))]
    fn write(
        &self,
        py: Python<'_>,
        tag: &str,
        value: Vec<Bound<'_, PyAny>>,
        entry: Option<&[u8]>,
    ) -> PyResult<&'static str> {
        let entry = entry.map_or_else(|| Ok(NewEntry::new(Origin::Manual)), unpack_entry)?;
        let mut pieces = Pieces::new(&value)?;
        let small = pieces.len() <= GATHER;
        let written = py.detach(|| {
            if small {
                let mut bytes = Vec::with_capacity(pieces.len());
                // Reading memory fails only for a broken buffer; the store then reports it.
                if std::io::Read::read_to_end(&mut pieces, &mut bytes).is_ok() {
                    return self.inner.own().write(tag, bytes, &entry);
                }
            }
            self.inner.own().write_from(tag, &mut pieces, &entry)
        });
        written.map(facts::written).map_err(|cause| error::cache(&cause))
    }

    /// The value under a tag alone, or `None`. It counts as used.
    fn get<'py>(&self, py: Python<'py>, tag: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let entry = self.wait(py, |store| store.read(tag))?;
        Ok(entry.map(|entry| PyBytes::new(py, &entry.value)))
    }

    /// The value under a tag with its packed facts, or `None`. It counts as used.
    fn read<'py>(&self, py: Python<'py>, tag: &str) -> PyResult<Option<Found<'py>>> {
        let entry = self.wait(py, |store| store.read(tag))?;
        entry.map(|entry| found(py, &entry.value, &entry.facts)).transpose()
    }

    /// As `read`, with the packed facts of the entry, if it may stand for a computation of `function`;
    /// otherwise why not.
    fn replay<'py>(
        &self,
        py: Python<'py>,
        tag: &str,
        function: &str,
    ) -> PyResult<(Option<Found<'py>>, Option<String>)> {
        match self.wait(py, |store| store.replay(tag, function))? {
            Replay::Hit(entry) => Ok((Some(found(py, &entry.value, &entry.facts)?), None)),
            Replay::Miss(why) => Ok((None, Some(why.to_string()))),
        }
    }

    /// Why a `replay` would not serve an entry for `function`; `None` if it would. Does not count as use.
    fn replay_miss(&self, py: Python<'_>, tag: &str, function: &str) -> PyResult<Option<String>> {
        let known = self.wait(py, |store| store.facts(tag))?;
        let miss = known.map_or(Some(ReplayMiss::Absent), |known| known.replay_miss(function));
        Ok(miss.map(|why| why.to_string()))
    }

    /// Whether there is a value under a tag. Does not count as use.
    fn has(&self, py: Python<'_>, tag: &str) -> PyResult<bool> {
        self.wait(py, |store| store.has(tag))
    }

    /// The facts of an entry, or `None`. Does not count as use.
    fn facts<'py>(&self, py: Python<'py>, tag: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        let known = self.wait(py, |store| store.facts(tag))?;
        known.map(|known| facts::facts(py, &known)).transpose()
    }

    /// Removes an entry; whether there was one.
    fn evict(&self, py: Python<'_>, tag: &str) -> PyResult<bool> {
        self.wait(py, |store| store.own().evict(tag))
    }

    /// Removes every entry; how many there were.
    fn flush(&self, py: Python<'_>) -> PyResult<u64> {
        self.wait(py, |store| store.own().clear())
    }

    /// All tags, sorted.
    fn keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.wait(py, OverlayStore::keys)
    }

    /// How many tags there are.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        self.wait(py, OverlayStore::count)
    }

    /// What the entries count against the budget.
    fn size_bytes(&self) -> u64 {
        self.inner.own().size_bytes()
    }

    /// The state and the counters since the store was opened.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        facts::stats(py, &self.inner.own().stats())
    }

    /// Writes every entry to a directory as a pickle of `(tag, value)`; how many there were.
    fn export(&self, py: Python<'_>, dir: PathBuf) -> PyResult<u64> {
        self.wait(py, |store| store.own().export(&dir))
    }

    /// Stops cleanly. Operations fail from then on.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.wait(py, |store| store.own().clone().close())
    }
}

impl Store {
    fn wait<R: Send>(
        &self,
        py: Python<'_>,
        step: impl FnOnce(&OverlayStore) -> chia_cache::Result<R> + Send,
    ) -> PyResult<R> {
        py.detach(|| step(&self.inner)).map_err(|cause| error::cache(&cause))
    }
}

/// A value and its facts, for Python.
pub(crate) fn found<'py>(py: Python<'py>, value: &[u8], facts: &Facts) -> PyResult<Found<'py>> {
    let seconds = facts.compute_time.map(|time| time.as_secs_f64());
    Ok((PyBytes::new(py, value), pack_facts(py, facts)?, seconds))
}
