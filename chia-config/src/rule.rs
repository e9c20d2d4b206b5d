//! The two kinds of rules.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Location, PatternError, TagPatterns};

/// What the `bypass:` section says about one function: when, and which file may take its place.
pub type BypassRule = Rule<Data>;

/// What the `cache:` section says about one function: when.
pub type CacheRule = Rule<()>;

/// What a section says about one function: whether it is opted in, for which tags, and `T`, what
/// this kind of rule says beyond that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule<T> {
    enabled: bool,
    tags: Option<TagPatterns>,
    location: Location,
    more: T,
}

/// The file of a [`BypassRule`], if it names one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data(Option<PathBuf>);

impl<T: Default> Rule<T> {
    /// A rule for every call. Its location is the caller's source line.
    #[track_caller]
    pub fn on() -> Self {
        Self::new(true, None, Location::caller())
    }

    /// A rule for no call. Its location is the caller's source line.
    #[track_caller]
    pub fn off() -> Self {
        Self::new(false, None, Location::caller())
    }

    pub(crate) fn new(enabled: bool, tags: Option<TagPatterns>, location: Location) -> Self {
        Self { enabled, tags, location, more: T::default() }
    }
}

impl<T> Rule<T> {
    /// Restricts the rule to calls whose whole tag matches one of `patterns`; with none,
    /// it matches nothing.
    ///
    /// # Errors
    /// A pattern that cannot be compiled.
    #[track_caller]
    pub fn with_tags<S: AsRef<str>>(
        mut self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternError> {
        self.tags = Some(TagPatterns::at(patterns, &Location::caller())?);
        Ok(self)
    }

    /// Whether the function is opted in (`bypass: true`, `cache: true`).
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// The patterns that a call's tag must match, if the rule has any.
    pub fn tags(&self) -> Option<&TagPatterns> {
        self.tags.as_ref()
    }

    /// Where the rule was written.
    pub fn location(&self) -> &Location {
        &self.location
    }
}

impl BypassRule {
    /// Serves the file at `path` where no provider is registered. A relative path is taken
    /// as it is: relative to the working directory of whoever reads it.
    pub fn with_data(mut self, path: impl Into<PathBuf>) -> Self {
        self.more = Data(Some(path.into()));
        self
    }

    /// The file to serve, if the rule names one.
    pub fn data(&self) -> Option<&Path> {
        self.more.0.as_deref()
    }
}
