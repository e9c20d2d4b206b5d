//! The tool `chia-cache`, for the console script of the wheel.

use pyo3::prelude::*;

/// Runs the tool with a command line, the name of the program first; its exit code.
#[pyfunction]
pub(crate) fn run_tool(py: Python<'_>, args: Vec<std::ffi::OsString>) -> u8 {
    py.detach(|| chia_cli::run(args))
}
