//! One cell of the matrix: a name and the work that passes, skips or fails.

use crate::shell::Shell;

/// What a cell does; an error is a failure.
type Work = Box<dyn Fn(&mut Shell) -> anyhow::Result<Verdict>>;

/// How a cell ended when it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passed; what is worth a word beside it (number of tests, say).
    Pass(String),
    /// It could not run, and why.
    Skip(String),
}

/// A row of the matrix.
pub(crate) struct Cell {
    /// `crate/what` or `crate/what/variant`; `workspace/…` when it is about all of them.
    pub(crate) name: String,
    /// The backend that it tests, if it tests one.
    pub(crate) backend: Option<String>,
    /// Left out of the quick matrix.
    pub(crate) slow: bool,
    /// Runs it.
    pub(crate) work: Work,
}

impl Cell {
    /// A cell of the quick and the full matrix.
    pub(crate) fn new(
        name: impl Into<String>,
        work: impl Fn(&mut Shell) -> anyhow::Result<Verdict> + 'static,
    ) -> Self {
        Self { name: name.into(), backend: None, slow: false, work: Box::new(work) }
    }

    /// Says which backend it tests.
    pub(crate) fn backend(self, backend: &str) -> Self {
        Self { backend: Some(backend.to_owned()), ..self }
    }

    /// Leaves it to the full matrix if `slow`.
    pub(crate) fn slow_if(self, slow: bool) -> Self {
        Self { slow, ..self }
    }

    /// The crate that it is about.
    pub(crate) fn subject(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

impl Verdict {
    /// Passed, with nothing to add.
    pub(crate) fn pass() -> Self {
        Self::Pass(String::new())
    }
}
