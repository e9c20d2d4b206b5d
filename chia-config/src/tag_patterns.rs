//! A list of patterns, and one pass over all of them.

use std::fmt;
use std::sync::Arc;

use chia_fullmatch::{Match, PatternErrors, PatternSet};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Location, PatternError};

/// A pattern as it was written, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    text: String,
    location: Location,
}

impl Pattern {
    pub(crate) fn new(text: String, location: Location) -> Self {
        Self { text, location }
    }

    /// The pattern's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it was written.
    pub fn location(&self) -> &Location {
        &self.location
    }
}

/// The answer of patterns about a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TagMatch {
    /// The pattern with this index matches the whole tag.
    Matched(usize),
    /// No pattern matches.
    NoMatch,
    /// The call has no tag.
    Untagged,
    /// No pattern matched, and the one with this index was given up on: it needed more
    /// back-tracking than is allowed.
    GaveUp(usize),
}

/// The compiled `tags:` of one rule. Cheap to clone.
#[derive(Clone)]
pub struct TagPatterns(Arc<Inner>);

struct Inner {
    patterns: Vec<Pattern>,
    set: PatternSet,
}

impl TagPatterns {
    /// Compiles `patterns`. Their location is the caller's source line.
    ///
    /// # Errors
    /// The first pattern that cannot be used.
    #[track_caller]
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        Self::at(patterns, &Location::caller())
    }

    /// As [`new`](Self::new), for patterns from elsewhere: `origin` names the place, such as an
    /// environment variable.
    ///
    /// # Errors
    /// The first pattern that cannot be used.
    pub fn of_origin<S: AsRef<str>>(
        origin: &str,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternError> {
        Self::at(patterns, &Location::new(origin.into(), 1, 1))
    }

    pub(crate) fn at<S: AsRef<str>>(
        patterns: impl IntoIterator<Item = S>,
        location: &Location,
    ) -> Result<Self, PatternError> {
        let pattern = |text: S| Pattern::new(text.as_ref().to_owned(), location.clone());
        let patterns = patterns.into_iter().map(pattern).collect();
        Self::compile(patterns).map_err(PatternError::from)
    }

    pub(crate) fn compile(patterns: Vec<Pattern>) -> Result<Self, PatternErrors> {
        let set = PatternSet::new(patterns.iter().map(Pattern::text))?;
        Ok(Self(Arc::new(Inner { patterns, set })))
    }

    /// The patterns, in the order in which they were written.
    pub fn patterns(&self) -> &[Pattern] {
        &self.0.patterns
    }

    /// The texts of the patterns, in that order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.patterns.iter().map(Pattern::text)
    }

    /// Whether the patterns match a call's tag, and which. Never hangs and never panics.
    pub fn evaluate(&self, tag: Option<&str>) -> TagMatch {
        match tag.map(|tag| self.0.set.evaluate(tag)) {
            None => TagMatch::Untagged,
            Some(Match::NoMatch) => TagMatch::NoMatch,
            Some(Match::Matched(index)) => TagMatch::Matched(index),
            Some(Match::GaveUp(index)) => TagMatch::GaveUp(index),
        }
    }

    /// The index of a pattern that matches the whole tag, if one does.
    pub fn matches(&self, tag: Option<&str>) -> Option<usize> {
        match self.evaluate(tag) {
            TagMatch::Matched(index) => Some(index),
            _ => None,
        }
    }
}

impl fmt::Debug for TagPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.patterns()).finish()
    }
}

impl PartialEq for TagPatterns {
    fn eq(&self, other: &Self) -> bool {
        self.patterns() == other.patterns()
    }
}

impl Eq for TagPatterns {}

impl Serialize for TagPatterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.patterns().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TagPatterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::compile(Vec::deserialize(deserializer)?)
            .map_err(|errors| de::Error::custom(errors.first()))
    }
}
