//! The two kinds of rules.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Location, PatternError, TagPatterns};

/// What the `bypass:` section says about one function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BypassRule {
    enabled: bool,
    tags: Option<TagPatterns>,
    data: Option<PathBuf>,
    location: Location,
}

impl BypassRule {
    /// A rule that bypasses every call. Its location is the caller's source line.
    #[track_caller]
    pub fn on() -> Self {
        Self::new(true, Location::caller())
    }

    /// A rule that bypasses nothing. Its location is the caller's source line.
    #[track_caller]
    pub fn off() -> Self {
        Self::new(false, Location::caller())
    }

    pub(crate) fn new(enabled: bool, location: Location) -> Self {
        Self { enabled, tags: None, data: None, location }
    }

    /// Restricts the rule to calls whose whole tag matches one of `patterns`; with none,
    /// it matches nothing.
    ///
    /// # Errors
    /// A pattern that cannot be compiled.
    #[track_caller]
    pub fn with_tags<S: AsRef<str>>(
        self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternError> {
        let tags = TagPatterns::at(patterns, &Location::caller())?;
        Ok(self.with_compiled_tags(tags))
    }

    pub(crate) fn with_compiled_tags(mut self, tags: TagPatterns) -> Self {
        self.tags = Some(tags);
        self
    }

    /// Serves the file at `path` where no provider is registered. A relative path is taken
    /// as it is: relative to the working directory of whoever reads it.
    pub fn with_data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// Whether the function is opted in (`bypass: true`).
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// The patterns that a call's tag must match, if the rule has any.
    pub fn tags(&self) -> Option<&TagPatterns> {
        self.tags.as_ref()
    }

    /// The file to serve, if the rule names one.
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// Where the rule was written.
    pub fn location(&self) -> &Location {
        &self.location
    }
}

/// What the `cache:` section says about one function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheRule {
    enabled: bool,
    tags: Option<TagPatterns>,
    location: Location,
}

impl CacheRule {
    /// A rule that keeps every tagged result. Its location is the caller's source line.
    #[track_caller]
    pub fn on() -> Self {
        Self::new(true, Location::caller())
    }

    /// A rule that keeps nothing. Its location is the caller's source line.
    #[track_caller]
    pub fn off() -> Self {
        Self::new(false, Location::caller())
    }

    pub(crate) fn new(enabled: bool, location: Location) -> Self {
        Self { enabled, tags: None, location }
    }

    /// Restricts the rule to calls whose whole tag matches one of `patterns`; with none,
    /// it matches nothing.
    ///
    /// # Errors
    /// A pattern that cannot be compiled.
    #[track_caller]
    pub fn with_tags<S: AsRef<str>>(
        self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Result<Self, PatternError> {
        let tags = TagPatterns::at(patterns, &Location::caller())?;
        Ok(self.with_compiled_tags(tags))
    }

    pub(crate) fn with_compiled_tags(mut self, tags: TagPatterns) -> Self {
        self.tags = Some(tags);
        self
    }

    /// Whether the function is opted in (`cache: true`).
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
