//! Files and directories as values.

use std::path::PathBuf;

use bytes::Bytes;
use chia_archive::{Contents, Directory, File};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::error;

/// A file or a directory as a value.
#[pyclass(frozen, module = "chia_ray._native")]
pub(crate) struct Archive {
    inner: Inner,
}

enum Inner {
    File(File),
    Directory(Directory),
}

#[pymethods]
impl Archive {
    /// What is at a path: hashed at once, and read again when its bytes are needed; or `packed` at once.
    #[new]
    fn new(py: Python<'_>, path: PathBuf, is_directory: bool, packed: bool) -> PyResult<Self> {
        let read = || {
            Ok(match (is_directory, packed) {
                (false, false) => Inner::File(File::at(path)?),
                (false, true) => Inner::File(File::pack(path)?),
                (true, false) => Inner::Directory(Directory::at(path)?),
                (true, true) => Inner::Directory(Directory::pack(path)?),
            })
        };
        let inner = py.detach(read).map_err(|cause| error::archive(&cause))?;
        Ok(Self { inner })
    }

    /// The value of an encoded form.
    #[staticmethod]
    fn from_bytes(bytes: PyBackedBytes, is_directory: bool) -> PyResult<Self> {
        let bytes = Bytes::from_owner(bytes);
        let inner = match is_directory {
            false => File::from_bytes(bytes).map(Inner::File),
            true => Directory::from_bytes(bytes).map(Inner::Directory),
        };
        inner.map(|inner| Self { inner }).map_err(|cause| error::archive(&cause))
    }

    /// The encoded form.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let packed = py.detach(|| match &self.inner {
            Inner::File(file) => file.to_bytes(),
            Inner::Directory(directory) => directory.to_bytes(),
        });
        Ok(PyBytes::new(py, &packed.map_err(|cause| error::archive(&cause))?))
    }

    /// Writes it to a path; whatever else is there is replaced, or an error.
    fn put_at(&self, py: Python<'_>, path: PathBuf, replace: bool) -> PyResult<()> {
        let put = py.detach(|| match (&self.inner, replace) {
            (Inner::File(file), false) => file.put_at(path),
            (Inner::File(file), true) => file.replace_at(path),
            (Inner::Directory(directory), false) => directory.put_at(path),
            (Inner::Directory(directory), true) => directory.replace_at(path),
        });
        put.map_err(|cause| error::archive(&cause))
    }

    /// The hash of its contents.
    #[getter]
    fn digest(&self) -> String {
        self.contents().digest.to_string()
    }

    /// The bytes of all files.
    #[getter]
    fn size(&self) -> u64 {
        self.contents().bytes
    }
}

impl Archive {
    fn contents(&self) -> &Contents {
        match &self.inner {
            Inner::File(file) => file.contents(),
            Inner::Directory(directory) => directory.contents(),
        }
    }
}
