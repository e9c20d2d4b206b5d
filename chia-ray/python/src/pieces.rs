//! A value as Python hands it over: buffers that belong together, read in place.

use std::io::{self, Read};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};

/// So much is copied out of Python at a time: the GIL is free in between, and memory stays flat.
const STEP: usize = 1024 * 1024;

/// Reads buffers one after the other.
///
/// The stable ABI of Python 3.10 has no buffer protocol, so that the bytes are taken out through
/// `memoryview` slices of a bounded size.
pub(crate) struct Pieces {
    views: Vec<(Py<PyMemoryView>, usize)>,
    next: usize,
    offset: usize,
    step: Option<(Py<PyBytes>, usize)>,
}

impl Pieces {
    /// Buffers of contiguous bytes.
    pub(crate) fn new(buffers: &[Bound<'_, PyAny>]) -> PyResult<Self> {
        let view = |buffer: &Bound<'_, PyAny>| {
            let view = PyMemoryView::from(buffer)?.call_method1("cast", ("B",))?;
            let view = view.cast_into::<PyMemoryView>()?;
            let len = view.len()?;
            Ok((view.unbind(), len))
        };
        let views = buffers.iter().map(view).collect::<PyResult<_>>()?;
        Ok(Self { views, next: 0, offset: 0, step: None })
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.views.iter().map(|(_, len)| len).sum()
    }

    /// Copies out what fits of the current step; 0 when there is none.
    fn take(&mut self, py: Python<'_>, into: &mut [u8]) -> usize {
        let Some((step, at)) = &mut self.step else { return 0 };
        let rest = &step.as_bytes(py)[*at..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        *at += len;
        len
    }

    /// Takes the next step out of its view; false at the end.
    fn advance(&mut self, py: Python<'_>) -> PyResult<bool> {
        while let Some((view, len)) = self.views.get(self.next) {
            if self.offset < *len {
                let end = (self.offset + STEP).min(*len);
                let slice = PySlice::new(py, self.offset as isize, end as isize, 1);
                let bytes = view.bind(py).get_item(slice)?.call_method0("tobytes")?;
                self.step = Some((bytes.cast_into::<PyBytes>()?.unbind(), 0));
                self.offset = end;
                return Ok(true);
            }
            (self.next, self.offset) = (self.next + 1, 0);
        }
        Ok(false)
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        Python::attach(|py| {
            loop {
                let len = self.take(py, into);
                if len > 0 || !self.advance(py).map_err(io::Error::other)? {
                    return Ok(len);
                }
            }
        })
    }
}
