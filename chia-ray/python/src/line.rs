//! The direct way to a cache.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use chia_services::{CacheLine, Door};
use pyo3::prelude::*;

use crate::entry::unpack_entry;
use crate::pieces::Pieces;
use crate::store::{Found, found};
use crate::{error, facts};

/// The direct way through the door that a cache's actor told, for all threads of a process.
///
/// Operations take `patience` seconds at most, and raise `OSError` when the cache cannot be reached or
/// does not answer in time: then there is the way through the actor.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Line {
    inner: CacheLine,
}

#[pymethods]
impl Line {
    /// The way through the door that the actor answered with.
    #[new]
    fn open(door: &[u8]) -> PyResult<Self> {
        Ok(Self { inner: CacheLine::new(read_door(door)?) })
    }

    /// Whether there is a door, as far as is known.
    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    /// Whether it is time to ask the actor for its door.
    fn wants_door(&self) -> bool {
        self.inner.wants_door()
    }

    /// Takes the door that the actor told.
    fn learn(&self, door: &[u8]) -> PyResult<()> {
        self.inner.learn(read_door(door)?);
        Ok(())
    }

    /// Writes a value, given as buffers that belong together, with its packed entry. Returns what was
    /// done, in one word.
    fn write(
        &self,
        py: Python<'_>,
        patience: f64,
        tag: &str,
        value: Vec<Bound<'_, PyAny>>,
        entry: &[u8],
    ) -> PyResult<&'static str> {
        let entry = unpack_entry(entry)?;
        let pieces = Pieces::new(&value)?;
        let length = pieces.len() as u64;
        let send = |to: &mut dyn io::Write| pieces.write_to(to);
        self.ask(py, patience, |line, patience| line.write(tag, length, &send, entry, patience))
            .map(facts::written)
    }

    /// The value under a tag with its packed facts, or `None`. It counts as used.
    fn read<'py>(&self, py: Python<'py>, patience: f64, tag: &str) -> PyResult<Option<Found<'py>>> {
        let entry = self.ask(py, patience, |line, patience| line.read(tag, patience))?;
        entry.map(|(value, facts)| found(py, &value, &facts)).transpose()
    }

    /// As `read`, with the packed facts of the entry, if it may stand for a computation of `function`;
    /// otherwise why not.
    fn replay<'py>(
        &self,
        py: Python<'py>,
        patience: f64,
        tag: &str,
        function: &str,
    ) -> PyResult<(Option<Found<'py>>, Option<String>)> {
        match self.ask(py, patience, |line, patience| line.replay(tag, function, patience))? {
            Ok((value, facts)) => Ok((Some(found(py, &value, &facts)?), None)),
            Err(why) => Ok((None, Some(why))),
        }
    }

    /// Whether there is a value under a tag. Does not count as use.
    fn has(&self, py: Python<'_>, patience: f64, tag: &str) -> PyResult<bool> {
        self.ask(py, patience, |line, patience| line.has(tag, patience))
    }
}

impl Line {
    fn ask<R: Send>(
        &self,
        py: Python<'_>,
        patience: f64,
        step: impl FnOnce(&CacheLine, Duration) -> io::Result<chia_dispatch::Result<R>> + Send,
    ) -> PyResult<R> {
        let patience = Duration::try_from_secs_f64(patience).unwrap_or_default();
        let answer = py.detach(|| step(&self.inner, patience))?;
        answer.map_err(|cause| error::dispatch(&cause))
    }
}

fn read_door(answer: &[u8]) -> PyResult<Option<Door>> {
    let door = Door::from_answer(&Bytes::copy_from_slice(answer));
    door.map_err(|cause| error::dispatch(&cause))
}
