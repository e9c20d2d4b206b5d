//! Why a call was decided as it was.

use std::fmt;

use chia_config::{Location, Pattern};
use serde::{Deserialize, Serialize};

/// The gate that settled a decision, and how.
///
/// Serialised in snake case: `"not_listed"`, `"tag_no_match"`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gate {
    /// No rule names the function.
    NotListed,
    /// The function's rule is off.
    Off,
    /// The rule is on, but there is neither a provider nor a `data:` file.
    NoReplacement,
    /// A tag is needed and the call has none.
    TagMissing,
    /// No pattern matches the tag.
    TagNoMatch,
    /// A pattern needed more back-tracking than is allowed; taken as no match.
    PatternGaveUp,
    /// Every gate before it is open, and the condition has not been asked yet.
    WouldAskCondition,
    /// The condition returned false.
    ConditionFalse,
    /// Every gate is open: the provider replaces the computation.
    Provider,
    /// Every gate is open: the cached value replaces the computation, if there is one.
    Replay,
    /// Every gate is open: the `data:` file replaces the computation.
    Data,
    /// Every gate is open: the call is rehearsed.
    Rehearsal,
    /// Every gate is open: the result is written to the cache.
    Write,
    /// Every gate is open: the result is written under a tag made from the arguments.
    WriteAutoTag,
}

impl Gate {
    fn outcome(self, section: Section) -> Outcome {
        match (self, section) {
            (Self::Provider | Self::Replay | Self::Data, _) => Outcome::Replace,
            (Self::Rehearsal, Section::Bypass) => Outcome::Replace,
            (Self::WouldAskCondition, _) => Outcome::Ask,
            (Self::Write | Self::WriteAutoTag, _) => Outcome::Write,
            (_, Section::Bypass) => Outcome::Run,
            (_, Section::Cache) => Outcome::Skip,
        }
    }
}

/// The setting of the run that changed what the rules alone decide about a call or its write.
///
/// Serialised in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Override {
    /// The run's mode is `off`.
    Off,
    /// The run's mode is `record`.
    Record,
    /// The run's mode is `replay`: the call is replaced, or fails.
    Replay,
    /// The run's mode is `refresh`.
    Refresh,
    /// The tag matches the pattern of calls to run again.
    Rerun,
    /// The run has reached its first call to run.
    From,
    /// The call itself asked to run.
    Fresh,
}

impl Override {
    /// The setting, in words: "the run's mode is `off`".
    pub fn text(self) -> &'static str {
        match self {
            Self::Off => "the run's mode is `off`",
            Self::Record => "the run's mode is `record`",
            Self::Replay => "the run's mode is `replay`",
            Self::Refresh => "the run's mode is `refresh`",
            Self::Rerun => "its tag is to run again",
            Self::From => "the run has reached the first tag to run",
            Self::Fresh => "the call asks for a fresh run",
        }
    }
}

/// The section of the rules that a decision comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// `bypass:`: is the computation replaced?
    Bypass,
    /// `cache:`: is the result written?
    Cache,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bypass => "bypass:",
            Self::Cache => "cache:",
        })
    }
}

/// What a decision comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The real function runs.
    Run,
    /// The computation is replaced.
    Replace,
    /// The condition decides.
    Ask,
    /// The call fails: it must be replaced, and there is nothing to replace it with.
    Fail,
    /// The result is written to the cache.
    Write,
    /// The result is not written to the cache.
    Skip,
}

/// Why one call was decided as it was: for people through `Display`, for machines through
/// serde.
///
/// It borrows from the rules and the call, so making one costs next to nothing;
/// [`explain`](Self::explain) makes a copy that owns its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reason<'a> {
    pub(crate) section: Section,
    pub(crate) gate: Gate,
    pub(crate) overridden: Option<Override>,
    pub(crate) function: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) rule: Option<&'a Location>,
    pub(crate) pattern: Option<&'a Pattern>,
}

impl<'a> Reason<'a> {
    /// No rule names the function, until something else is found.
    #[inline]
    pub(crate) fn new(section: Section, function: &'a str, tag: Option<&'a str>) -> Self {
        let (gate, overridden) = (Gate::NotListed, None);
        Self { section, gate, overridden, function, tag, rule: None, pattern: None }
    }

    pub(crate) fn at(self, gate: Gate) -> Self {
        Self { gate, ..self }
    }

    /// The gate that settled it, by the rules alone.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// What the settings of the run, or the call itself, changed about it, if anything.
    pub fn overridden(&self) -> Option<Override> {
        self.overridden
    }

    /// The section that decided it.
    pub fn section(&self) -> Section {
        self.section
    }

    /// What the decision comes to.
    pub fn outcome(&self) -> Outcome {
        match (self.overridden, self.section) {
            (Some(Override::Replay), _) if self.gate == Gate::NoReplacement => Outcome::Fail,
            (None | Some(Override::Replay), section) => self.gate.outcome(section),
            (Some(_), Section::Bypass) => Outcome::Run,
            (Some(Override::Off), Section::Cache) => Outcome::Skip,
            (Some(_), Section::Cache) => Outcome::Write,
        }
    }

    /// The function that was called.
    pub fn function(&self) -> &'a str {
        self.function
    }

    /// The call's tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// Where the rule was written, if there is one.
    pub fn rule(&self) -> Option<&'a Location> {
        self.rule
    }

    /// The pattern that matched, or that was given up on.
    pub fn pattern(&self) -> Option<&'a Pattern> {
        self.pattern
    }

    fn why(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gate {
            Gate::NotListed => write!(f, "not listed under `{}`", self.section),
            Gate::Off => write!(f, "its `{}` rule is off", self.section),
            Gate::NoReplacement => {
                f.write_str("bypassed, but there is neither a provider nor a data file")
            }
            Gate::TagMissing => f.write_str("the call has no tag"),
            Gate::TagNoMatch => f.write_str("no pattern matches its tag"),
            Gate::PatternGaveUp => f.write_str("a pattern needed too much back-tracking"),
            Gate::WouldAskCondition => f.write_str("its condition decides"),
            Gate::ConditionFalse => f.write_str("its condition returned false"),
            Gate::Provider => f.write_str("by its provider"),
            Gate::Replay => f.write_str("from the cache"),
            Gate::Data => f.write_str("by its data file"),
            Gate::Rehearsal => f.write_str("by a rehearsal"),
            Gate::Write => f.write_str("its rule is on"),
            Gate::WriteAutoTag => f.write_str("under a tag made from its arguments"),
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.function)?;
        if let Some(tag) = self.tag {
            write!(f, " [{}]", tag.escape_debug())?;
        }
        f.write_str(match self.outcome() {
            Outcome::Run => " runs: ",
            Outcome::Replace => " is replaced: ",
            Outcome::Ask => " asks: ",
            Outcome::Fail => " fails: ",
            Outcome::Write => " is written: ",
            Outcome::Skip => " is not written: ",
        })?;
        if let Some(overridden) = self.overridden {
            write!(f, "{}; by the rules: ", overridden.text())?;
        }
        self.why(f)?;
        match (self.pattern, self.rule) {
            (Some(pattern), _) => write!(f, " (`{}` at {})", pattern.text(), pattern.location()),
            (None, Some(rule)) => write!(f, " (rule at {rule})"),
            (None, None) => Ok(()),
        }
    }
}
