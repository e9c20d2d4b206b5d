//! Why a pattern cannot be used.

use thiserror::Error;

/// A tag pattern that cannot be used: what is wrong, and where in the pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("bad tag pattern `{pattern}`: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
    offset: Option<usize>,
}

impl PatternError {
    pub(crate) fn new(pattern: &str, reason: impl Into<String>, offset: Option<usize>) -> Self {
        Self { pattern: pattern.to_owned(), reason: reason.into(), offset }
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What is wrong with it, without the pattern.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Where in the pattern, in characters from 0, if it is known.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }
}
