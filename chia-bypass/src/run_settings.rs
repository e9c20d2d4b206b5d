//! The settings of one run: its mode, and the calls that run again in it.

use std::fmt;

use chia_config::{PatternError, TagPatterns};
use serde::{Deserialize, Serialize};

use crate::{Mode, UnknownMode};

/// How one run treats the rules: its mode, and the calls that run again in it.
///
/// ```
/// use chia_bypass::{Mode, RunSettings};
///
/// let settings = RunSettings::new(Mode::Auto).with_rerun("synth_.*")?;
/// // The environment overrides what the program says.
/// let vars = |name: &str| (name == "CHIA_MODE").then(|| "off".to_owned());
/// let settings = settings.with_vars(vars)?;
/// assert_eq!(settings.mode(), Mode::Off);
/// # Ok::<(), chia_bypass::RunSettingsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    mode: Mode,
    rerun: Option<TagPatterns>,
    from: Option<TagPatterns>,
}

impl RunSettings {
    /// The variable that sets the mode.
    pub const MODE_VAR: &'static str = "CHIA_MODE";
    /// The variable that sets the pattern of calls to run again.
    pub const RERUN_VAR: &'static str = "CHIA_RERUN";
    /// The variable that sets the pattern of the first call to run.
    pub const FROM_VAR: &'static str = "CHIA_FROM";

    /// Settings with this mode, and without patterns.
    pub fn new(mode: Mode) -> Self {
        Self { mode, rerun: None, from: None }
    }

    /// Runs calls again whose whole tag matches `pattern` and that would be replayed from the
    /// cache; their results are written.
    ///
    /// # Errors
    /// A pattern that cannot be used.
    #[track_caller]
    pub fn with_rerun(mut self, pattern: &str) -> Result<Self, RunSettingsError> {
        self.rerun = Some(TagPatterns::new([pattern]).map_err(RunSettingsError::pattern)?);
        Ok(self)
    }

    /// Replays calls from the cache until the first call whose whole tag matches `pattern` is
    /// decided; that one and all after it run, and their results are written.
    ///
    /// # Errors
    /// A pattern that cannot be used.
    #[track_caller]
    pub fn with_from(mut self, pattern: &str) -> Result<Self, RunSettingsError> {
        self.from = Some(TagPatterns::new([pattern]).map_err(RunSettingsError::pattern)?);
        Ok(self)
    }

    /// The settings with what the variables `CHIA_MODE`, `CHIA_RERUN` and `CHIA_FROM` override.
    /// `var` looks up one of them, as `|name| std::env::var(name).ok()` does. An empty variable
    /// counts as unset.
    ///
    /// # Errors
    /// A variable with an unknown mode, or with a pattern that cannot be used.
    pub fn with_vars(
        mut self,
        var: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, RunSettingsError> {
        let var = |name| var(name).filter(|value| !value.is_empty());
        let pattern = |name| {
            let compile = |text: String| {
                let failed = |error| RunSettingsError::new(Some(name), Cause::Pattern(error));
                TagPatterns::of_origin(name, [text]).map_err(failed)
            };
            var(name).map(compile).transpose()
        };
        if let Some(text) = var(Self::MODE_VAR) {
            let failed = |error| RunSettingsError::new(Some(Self::MODE_VAR), Cause::Mode(error));
            self.mode = text.parse().map_err(failed)?;
        }
        self.rerun = pattern(Self::RERUN_VAR)?.or(self.rerun);
        self.from = pattern(Self::FROM_VAR)?.or(self.from);
        Ok(self)
    }

    /// The mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The pattern of calls that run again.
    pub fn rerun(&self) -> Option<&TagPatterns> {
        self.rerun.as_ref()
    }

    /// The pattern of the first call that runs.
    pub fn from(&self) -> Option<&TagPatterns> {
        self.from.as_ref()
    }
}

/// Why settings of a run cannot be used: which variable, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSettingsError {
    var: Option<&'static str>,
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Mode(UnknownMode),
    Pattern(PatternError),
}

impl RunSettingsError {
    fn new(var: Option<&'static str>, cause: Cause) -> Self {
        Self { var, cause }
    }

    fn pattern(error: PatternError) -> Self {
        Self::new(None, Cause::Pattern(error))
    }

    /// The environment variable that is wrong, if one is.
    pub fn var(&self) -> Option<&'static str> {
        self.var
    }
}

impl fmt::Display for RunSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(var) = self.var {
            write!(f, "the environment variable `{var}`: ")?;
        }
        match &self.cause {
            Cause::Mode(error) => error.fmt(f),
            Cause::Pattern(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunSettingsError {}
