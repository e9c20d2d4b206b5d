//! The two kinds of rules.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Argument, Check, Location, PatternError, Rehearsal, TagPatterns};

/// The `bypass:` rule of one function: which calls are replaced, by which file, and what a
/// replay compares.
pub type BypassRule = Rule<BypassDetails>;

/// The `cache:` rule of one function: which results are written, and under which tag.
pub type CacheRule = Rule<CacheDetails>;

/// The rule of one function in one section: whether it is on, for which tags, and `T`, the
/// options that only this section has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule<T> {
    enabled: bool,
    tags: Option<TagPatterns>,
    location: Location,
    details: T,
}

/// The options that only a [`BypassRule`] has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BypassDetails {
    pub(crate) data: Option<PathBuf>,
    pub(crate) check: Option<Check>,
    pub(crate) ignore: Vec<Argument>,
    pub(crate) rehearsal: Option<Rehearsal>,
}

/// The options that only a [`CacheRule`] has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheDetails {
    pub(crate) auto_tag: bool,
    pub(crate) ignore: Vec<Argument>,
}

impl<T: Default> Rule<T> {
    /// A rule for every call. Its location is the caller's source line.
    #[track_caller]
    pub fn on() -> Self {
        Self::new(true, None, Location::caller(), T::default())
    }

    /// A rule for no call. Its location is the caller's source line.
    #[track_caller]
    pub fn off() -> Self {
        Self::new(false, None, Location::caller(), T::default())
    }
}

impl<T> Rule<T> {
    pub(crate) fn new(
        enabled: bool,
        tags: Option<TagPatterns>,
        location: Location,
        details: T,
    ) -> Self {
        Self { enabled, tags, location, details }
    }

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
    /// Serves the file at `path` where no provider is registered. A relative path is relative
    /// to the working directory of the process that reads it.
    pub fn with_data(mut self, path: impl Into<PathBuf>) -> Self {
        self.details.data = Some(path.into());
        self
    }

    /// Compares a recorded result with the call before it is replayed; a difference in one of
    /// these facts makes the call run.
    pub fn with_check(mut self, check: Check) -> Self {
        self.details.check = Some(check);
        self
    }

    /// Leaves an argument out of every comparison.
    pub fn with_ignored(mut self, argument: Argument) -> Self {
        self.details.ignore.push(argument);
        self
    }

    /// Rehearses the function where no provider is registered.
    pub fn with_rehearsal(mut self, rehearsal: Rehearsal) -> Self {
        self.details.rehearsal = Some(rehearsal);
        self
    }

    /// How the function is rehearsed, if it is.
    pub fn rehearsal(&self) -> Option<&Rehearsal> {
        self.details.rehearsal.as_ref()
    }

    /// The file to serve, if the rule names one.
    pub fn data(&self) -> Option<&Path> {
        self.details.data.as_deref()
    }

    /// The facts that a replay compares; `None` if the rule has no `check`, so that the default of
    /// the loop applies.
    pub fn check(&self) -> Option<Check> {
        self.details.check
    }

    /// The arguments that this rule leaves out of comparisons. The `cache:` rule may ignore
    /// more: see [`Config::ignored`](crate::Config::ignored).
    pub fn ignored(&self) -> &[Argument] {
        &self.details.ignore
    }
}

impl CacheRule {
    /// Makes the tag of an untagged call from its function, version and arguments.
    pub fn with_auto_tag(mut self) -> Self {
        self.details.auto_tag = true;
        self
    }

    /// Leaves an argument out of the tag that is made from the arguments, and out of every
    /// comparison.
    pub fn with_ignored(mut self, argument: Argument) -> Self {
        self.details.ignore.push(argument);
        self
    }

    /// Whether untagged calls get a tag made from their arguments (`tag: auto`).
    pub fn auto_tag(&self) -> bool {
        self.details.auto_tag
    }

    /// The arguments that this rule ignores; see
    /// [`Config::ignored`](crate::Config::ignored).
    pub fn ignored(&self) -> &[Argument] {
        &self.details.ignore
    }
}
