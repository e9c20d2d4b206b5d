//! Why patterns cannot be used.

use std::fmt;

use thiserror::Error;

/// A pattern that cannot be used: what is wrong, and where in the pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("bad pattern `{pattern}`: {reason}")]
pub struct PatternError {
    index: usize,
    pattern: String,
    reason: String,
    offset: Option<usize>,
}

impl PatternError {
    pub(crate) fn new(
        (index, pattern): (usize, &str),
        reason: impl Into<String>,
        offset: Option<usize>,
    ) -> Self {
        Self { index, pattern: pattern.to_owned(), reason: reason.into(), offset }
    }

    /// The index of the pattern in its list.
    pub fn index(&self) -> usize {
        self.index
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

/// Every pattern of a list that cannot be used; there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternErrors {
    first: PatternError,
    rest: Vec<PatternError>,
}

impl PatternErrors {
    pub(crate) fn new(first: PatternError, rest: Vec<PatternError>) -> Self {
        Self { first, rest }
    }

    /// The errors of `found`, if there are any.
    pub(crate) fn check(found: Vec<PatternError>) -> Result<(), Self> {
        let mut found = found.into_iter();
        match found.next() {
            Some(first) => Err(Self::new(first, found.collect())),
            None => Ok(()),
        }
    }

    /// The error of the first pattern that cannot be used.
    pub fn first(&self) -> &PatternError {
        &self.first
    }

    /// Every error, in the order of the patterns.
    pub fn iter(&self) -> impl Iterator<Item = &PatternError> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl fmt::Display for PatternErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        self.rest.iter().try_for_each(|error| write!(f, "\n{error}"))
    }
}

impl std::error::Error for PatternErrors {}

impl From<PatternErrors> for PatternError {
    /// The first error.
    fn from(errors: PatternErrors) -> Self {
        errors.first
    }
}
