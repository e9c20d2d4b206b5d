//! The error of loading rules.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{Diagnostic, Severity};

/// What kind of failure a [`ConfigError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file could not be read.
    Io,
    /// The file was read, and its content is wrong.
    Invalid,
}

/// Why rules could not be loaded: every problem of the file at once.
///
/// `Display` prints the full report, one block a problem.
pub struct ConfigError(Inner);

#[derive(Debug)]
enum Inner {
    Io { path: PathBuf, source: io::Error },
    Invalid(Vec<Diagnostic>),
}

impl ConfigError {
    pub(crate) fn io(path: PathBuf, source: io::Error) -> Self {
        Self(Inner::Io { path, source })
    }

    pub(crate) fn invalid(diagnostics: Vec<Diagnostic>) -> Self {
        Self(Inner::Invalid(diagnostics))
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Inner::Io { .. } => ErrorKind::Io,
            Inner::Invalid(_) => ErrorKind::Invalid,
        }
    }

    /// Every error found and every warning, in the order of the file; empty if the file
    /// could not be read.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match &self.0 {
            Inner::Io { .. } => &[],
            Inner::Invalid(diagnostics) => diagnostics,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Io { path, .. } => write!(f, "cannot read the rules file `{}`", path.display()),
            Inner::Invalid(diagnostics) => {
                for diagnostic in diagnostics {
                    write!(f, "{diagnostic}\n\n")?;
                }
                let errors = diagnostics.iter().filter(|d| d.severity() == Severity::Error);
                match errors.count() {
                    1 => f.write_str("error: the rules have 1 error"),
                    n => write!(f, "error: the rules have {n} errors"),
                }
            }
        }
    }
}

/// As people should see it: what `main` prints of the error that it returns.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match std::error::Error::source(self) {
            Some(cause) => write!(f, "\n  caused by: {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Inner::Io { source, .. } => Some(source),
            Inner::Invalid(_) => None,
        }
    }
}
