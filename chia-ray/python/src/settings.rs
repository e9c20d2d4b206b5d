//! The settings of a run.

use chia_bypass::{Mode, RunSettings};
use pyo3::prelude::*;

use crate::error;

/// The settings of a run, with what the environment overrides.
pub(crate) fn settings(
    mode: Option<&str>,
    rerun: Option<&str>,
    run_from: Option<&str>,
) -> PyResult<RunSettings> {
    let wrong = |cause: &dyn std::fmt::Display| error::ConfigError::new_err(cause.to_string());
    let mode = mode.map_or(Ok(Mode::Auto), str::parse).map_err(|cause| wrong(&cause))?;
    let mut settings = RunSettings::new(mode);
    if let Some(pattern) = rerun {
        settings = settings.with_rerun(pattern).map_err(|cause| wrong(&cause))?;
    }
    if let Some(pattern) = run_from {
        settings = settings.with_from(pattern).map_err(|cause| wrong(&cause))?;
    }
    settings.with_vars(|name| std::env::var(name).ok()).map_err(|cause| wrong(&cause))
}
