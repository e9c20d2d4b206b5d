//! The errors of the store.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of failure an [`Error`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused an operation.
    Io,
    /// The disk or the quota is full.
    Full,
    /// The directory may not be written.
    ReadOnly,
    /// The path is not a directory.
    NotADirectory,
    /// Another process has the directory open.
    Locked {
        /// What the holder wrote about itself: process, host, command.
        holder: String,
    },
    /// The directory was written by a later version of this crate.
    Version {
        /// The format number found.
        found: u32,
    },
    /// This handle no longer owns the directory: it was removed, taken over, or inherited by a fork.
    NotOwner {
        /// How the ownership was lost, and what to do.
        why: String,
    },
    /// The owner changes the store faster than it can be read.
    Busy,
    /// Pinned entries leave no room for the value.
    Pinned,
    /// The budget would evict more than a tenth of the entries, and shrinking was not allowed.
    Shrink {
        /// How many entries would go.
        entries: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// What is on disk does not make sense.
    Corrupt,
    /// The tag is too long to be kept.
    Tag,
    /// The facts of the entry are too long to be kept.
    Facts,
    /// The directory cannot be an overlay of its base.
    Overlay {
        /// What stands in the way, and what to do.
        why: String,
    },
    /// The store has been closed.
    Closed,
}

/// A failed store operation.
pub struct Error {
    kind: ErrorKind,
    doing: &'static str,
    path: PathBuf,
    source: Option<Source>,
}

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, doing: &'static str, path: &Path) -> Self {
        Self { kind, doing, path: path.to_owned(), source: None }
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                ErrorKind::ReadOnly
            }
            io::ErrorKind::NotADirectory => ErrorKind::NotADirectory,
            _ => ErrorKind::Io,
        };
        Self { kind, doing, path: path.to_owned(), source: Some(source.into()) }
    }

    pub(crate) fn corrupt(doing: &'static str, path: &Path, source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..Self::new(ErrorKind::Corrupt, doing, path) }
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The file or directory it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (doing, path) = (self.doing, self.path.display());
        match &self.kind {
            ErrorKind::Io => write!(f, "cannot {doing} {path}"),
            ErrorKind::Full => {
                write!(f, "cannot {doing} {path}: the disk is full; free some space")
            }
            ErrorKind::ReadOnly => write!(f, "cannot {doing} {path}: no permission to write there"),
            ErrorKind::NotADirectory => {
                write!(
                    f,
                    "cannot {doing} {path}: not a directory; a cache needs a directory of its own"
                )
            }
            ErrorKind::Locked { holder } => write!(
                f,
                "cannot {doing} {path}: in use by {holder}; stop it, or choose another directory"
            ),
            ErrorKind::Version { found } => write!(
                f,
                "cannot {doing} {path}: it has format {found} and this version reads up to {}; use a newer chia-cache",
                crate::FORMAT_VERSION
            ),
            ErrorKind::NotOwner { why } | ErrorKind::Overlay { why } => {
                write!(f, "cannot {doing} {path}: {why}")
            }
            ErrorKind::Busy => {
                write!(f, "cannot {doing} {path}: its owner changes it too fast; try again")
            }
            ErrorKind::Pinned => write!(
                f,
                "cannot {doing} {path}: pinned entries leave no room; unpin some, or raise the budget"
            ),
            ErrorKind::Shrink { entries, bytes } => write!(
                f,
                "cannot {doing} {path}: the budget would evict {entries} entries ({}); allow it with `allow_shrink`, or raise the budget",
                crate::ByteSize::new(*bytes)
            ),
            ErrorKind::Corrupt => write!(f, "cannot {doing} {path}: the contents are damaged"),
            ErrorKind::Tag => write!(
                f,
                "cannot {doing} {path}: the tag is longer than {} bytes",
                crate::MAX_TAG_LEN
            ),
            ErrorKind::Facts => write!(
                f,
                "cannot {doing} {path}: function, fingerprints and labels of the entry take more than {} bytes",
                crate::MAX_FACTS_LEN
            ),
            ErrorKind::Closed => write!(f, "cannot {doing} {path}: the store has been closed"),
        }
    }
}

/// As people should see it: what `main` prints of the error that it returns.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        match std::error::Error::source(self) {
            Some(cause) => write!(f, "\n  caused by: {cause}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
