//! The fingerprint of a call: what its arguments, its version and its code were.

use std::io::Read;

use chia_bypass::{ArgumentPrint, Digest};
use pyo3::prelude::*;
use serde_pickle::{DeOptions, SerOptions};
use twox_hash::XxHash3_128;

use crate::pieces::Pieces;

/// One argument: its name, its pickle without memo as one buffer or any encoding of it as several, and
/// its text.
type Argument<'py> = (Option<String>, Vec<Bound<'py, PyAny>>, Option<String>);

/// The facts of one call that decide whether a recorded result still answers it.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Fingerprint {
    pub(crate) inner: chia_bypass::Fingerprint,
}

#[pymethods]
impl Fingerprint {
    /// The fingerprint of encoded arguments, in order. Plain data in one buffer counts as loops in Rust
    /// encode it, with the entries of dictionaries and sets in order; it must be pickled without memo.
    #[new]
    #[pyo3(signature = (arguments, version = None, code = None))]
    fn new(
        py: Python<'_>,
        arguments: Vec<Argument<'_>>,
        version: Option<String>,
        code: Option<u128>,
    ) -> PyResult<Self> {
        let arguments = arguments.into_iter().map(|one| print(py, one)).collect::<PyResult<_>>()?;
        Ok(Self { inner: chia_bypass::Fingerprint { version, code: code.map(Digest), arguments } })
    }

    /// The hash of each argument, in order.
    fn hashes(&self) -> Vec<u128> {
        self.inner.arguments.iter().map(|argument| argument.hash.0).collect()
    }
}

/// The hash of some text, for a hash of source code.
#[pyfunction]
pub(crate) fn digest(text: &str) -> u128 {
    Digest::of(text.as_bytes()).0
}

fn print(py: Python<'_>, (name, buffers, text): Argument<'_>) -> PyResult<ArgumentPrint> {
    let mut pieces = Pieces::new(&buffers)?;
    let is_one = buffers.len() == 1;
    let mut print =
        py.detach(|| if is_one { plain(&mut pieces) } else { streamed(&mut pieces) })?;
    print.name = name;
    Ok(match text {
        Some(text) => print.with_value(text),
        None => print,
    })
}

/// The facts of an argument in one small buffer.
fn plain(pieces: &mut Pieces) -> std::io::Result<ArgumentPrint> {
    let mut encoded = Vec::with_capacity(pieces.len());
    pieces.read_to_end(&mut encoded)?;
    let Ok(value) = serde_pickle::value_from_slice(&encoded, DeOptions::new()) else {
        return Ok(ArgumentPrint::of(&encoded));
    };
    let Ok(sorted) = serde_pickle::value_to_vec(&value, SerOptions::new()) else {
        return Ok(ArgumentPrint::of(&encoded));
    };
    Ok(ArgumentPrint::of(&sorted))
}

/// The facts of an argument in large buffers.
fn streamed(pieces: &mut Pieces) -> std::io::Result<ArgumentPrint> {
    let mut hash = XxHash3_128::new();
    let len = pieces.len() as u64;
    let mut step = vec![0; 64 * 1024];
    loop {
        match pieces.read(&mut step)? {
            0 => break,
            read => hash.write(&step[..read]),
        }
    }
    let hash = Digest(hash.finish_128());
    Ok(ArgumentPrint { name: None, hash, len, value: None })
}
