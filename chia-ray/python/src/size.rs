//! Sizes in bytes as people write them.

use chia_cache::ByteSize;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The number of bytes that an amount of a unit is: `parse_size(4, "GB")`.
#[pyfunction]
pub(crate) fn parse_size(amount: f64, unit: &str) -> PyResult<u64> {
    let size = ByteSize::from_parts(amount, unit);
    size.map(ByteSize::bytes).map_err(|cause| PyValueError::new_err(cause.to_string()))
}
