//! A value as Python hands it over: buffers that belong together, read in place.

use std::io::{self, Read, Write};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};

/// So much is copied out of Python at a time: the GIL is free in between, and memory stays flat.
const STEP: usize = 1024 * 1024;

/// Reads buffers one after the other.
///
/// The stable ABI of Python 3.10 has no buffer protocol, so that the bytes are taken out through
/// `memoryview` slices of a bounded size.
pub(crate) struct Pieces {
    views: Vec<View>,
    next: usize,
    offset: usize,
    step: Option<(PyBackedBytes, usize)>,
}

/// One buffer and its length.
struct View(Py<PyMemoryView>, usize);

impl View {
    fn new(buffer: &Bound<'_, PyAny>) -> PyResult<Self> {
        let view = PyMemoryView::from(buffer)?.call_method1("cast", ("B",))?;
        let view = view.cast_into::<PyMemoryView>()?;
        let len = view.len()?;
        Ok(Self(view.unbind(), len))
    }

    /// A copy of the step that starts at `offset`.
    fn step(&self, offset: usize) -> io::Result<PyBackedBytes> {
        let end = (offset + STEP).min(self.1);
        let taken = Python::attach(|py| {
            let slice = PySlice::new(py, offset as isize, end as isize, 1);
            let bytes = self.0.bind(py).get_item(slice)?.call_method0("tobytes")?;
            PyResult::Ok(bytes.cast_into::<PyBytes>()?.into())
        });
        taken.map_err(io::Error::other)
    }
}

impl Pieces {
    /// Buffers of contiguous bytes.
    pub(crate) fn new(buffers: &[Bound<'_, PyAny>]) -> PyResult<Self> {
        let views = buffers.iter().map(View::new).collect::<PyResult<_>>()?;
        Ok(Self { views, next: 0, offset: 0, step: None })
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.views.iter().map(|View(_, len)| len).sum()
    }

    /// Writes all of them, however far they have been read.
    pub(crate) fn write_to(&self, to: &mut dyn Write) -> io::Result<()> {
        for view in &self.views {
            for offset in (0..view.1).step_by(STEP) {
                to.write_all(&view.step(offset)?)?;
            }
        }
        Ok(())
    }

    /// Takes the next step out of its view; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        while let Some(view) = self.views.get(self.next) {
            if self.offset < view.1 {
                self.step = Some((view.step(self.offset)?, 0));
                self.offset += STEP;
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
        loop {
            if let Some((step, at)) = &mut self.step
                && *at < step.len()
            {
                let len = (&step[*at..]).read(into)?;
                *at += len;
                return Ok(len);
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }
}
