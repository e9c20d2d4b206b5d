//! Why bytes were not taken as a pickle of the expected shape.

use std::{fmt, io};

/// What kind of failure a [`PickleError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PickleErrorKind {
    /// The bytes are something else: no pickle, another protocol, or not a 2-tuple that begins with a string.
    NotAnEntry,
    /// They begin as an entry does but end too early.
    Truncated,
    /// The tag is longer than [`MAX_TAG_LEN`](super::MAX_TAG_LEN).
    TagTooLong,
    /// The tag is not text: invalid UTF-8, such as the lone surrogates that Python's `str` may hold.
    TagNotText,
    /// The bytes given as a value are not a stand-alone pickle of protocols 2 to 5.
    NotAValue,
    /// Reading the source failed; the cause is in `source()`.
    Io,
}

/// Bytes that were not taken as a `(tag, data)` pickle, or as a value to be wrapped into one.
///
/// A retry does not help, unless the kind is [`Io`](PickleErrorKind::Io).
#[derive(Debug)]
pub struct PickleError {
    kind: PickleErrorKind,
    offset: u64,
    what: String,
    source: Option<io::Error>,
}

impl PickleError {
    pub(super) fn new(kind: PickleErrorKind, offset: u64, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { kind, offset, what, source: None }
    }

    pub(super) fn io(offset: u64, cause: io::Error) -> Self {
        let what = "the file could not be read".into();
        Self { kind: PickleErrorKind::Io, offset, what, source: Some(cause) }
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> PickleErrorKind {
        self.kind
    }

    /// The byte at which the bytes stopped being what was expected.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for PickleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = match self.kind {
            PickleErrorKind::NotAnEntry => "not a (tag, data) pickle",
            PickleErrorKind::Truncated => "a truncated (tag, data) pickle",
            PickleErrorKind::TagTooLong | PickleErrorKind::TagNotText => {
                "a (tag, data) pickle with an unusable tag"
            }
            PickleErrorKind::NotAValue => "not a stand-alone pickle of protocols 2 to 5",
            PickleErrorKind::Io => "reading a pickle failed",
        };
        write!(f, "{summary}: {} (byte {})", self.what, self.offset)
    }
}

impl std::error::Error for PickleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|cause| cause as _)
    }
}
