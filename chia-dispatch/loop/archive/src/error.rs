//! What can go wrong.

use std::fmt;
use std::io;
use std::path::Path;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: a kind for programs, a message for people. The cause, if there is one, is the
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<io::Error>,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The system refused to read or write.
    Io,
    /// A tree holds what an archive cannot keep: a device, a socket, a pipe.
    Unsupported,
    /// A file changed while it was read, or since its hash was taken.
    Changed,
    /// An archive is damaged, or holds what [`pack`](crate::pack) never writes.
    BadArchive,
    /// An archive holds more than the limits allow, or more than there is room for.
    TooLarge,
    /// Something else is where an archive should be unpacked.
    Exists,
    /// A file was found where a directory was asked for, or the other way round.
    WrongKind,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An archive that is refused, and why.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadArchive, message)
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Makes an error of one that the system gave: "cannot `what` `path`".
pub(crate) fn io_at<'a>(
    what: impl fmt::Display + 'a,
    path: &'a Path,
) -> impl Fn(io::Error) -> Error + 'a {
    move |source| Error {
        kind: ErrorKind::Io,
        message: format!("cannot {what} {}", path.display()),
        source: Some(source),
    }
}

/// An archive that cannot be read to its end.
pub(crate) fn unreadable(source: io::Error) -> Error {
    // The bound on what is decompressed is an error of ours, handed through the decoder.
    if let Some(error) = source.get_ref().and_then(|inner| inner.downcast_ref::<Overflow>()) {
        return Error::new(ErrorKind::TooLarge, error.to_string());
    }
    let message = "the archive is damaged or incomplete".to_owned();
    Error { kind: ErrorKind::BadArchive, message, source: Some(source) }
}

/// An archive that cannot be written.
pub(crate) fn unwritable(source: io::Error) -> Error {
    let message = "cannot write the archive".to_owned();
    Error { kind: ErrorKind::Io, message, source: Some(source) }
}

/// More was decompressed than the limits allow.
#[derive(Debug, thiserror::Error)]
#[error("the archive holds more than the {bytes} bytes and {entries} entries that are allowed")]
pub(crate) struct Overflow {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}
