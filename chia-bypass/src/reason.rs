//! Why a call was decided as it was.

use std::fmt;

use crate::Explanation;
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
    /// The condition said no.
    ConditionFalse,
    /// Every gate is open: the provider replaces the computation.
    Provider,
    /// Every gate is open: the `data:` file replaces the computation.
    Data,
    /// Every gate is open: the result is written to the cache.
    Write,
}

impl Gate {
    /// What becomes of the call, or of its result, behind this gate.
    pub fn outcome(self, section: Section) -> Outcome {
        match (self, section) {
            (Self::Provider | Self::Data, _) => Outcome::Replace,
            (Self::WouldAskCondition, _) => Outcome::Ask,
            (Self::Write, _) => Outcome::Write,
            (_, Section::Bypass) => Outcome::Run,
            (_, Section::Cache) => Outcome::Skip,
        }
    }
}

/// The part of the configuration that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The condition has the last word.
    Ask,
    /// The result is written to the cache.
    Write,
    /// The result is not written to the cache.
    Skip,
}

/// Why one call was decided as it was: for people through `Display`, for machines through
/// serde.
///
/// It borrows from the rules and the call, so making one costs next to nothing;
/// [`explain`](Self::explain) cuts it loose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reason<'a> {
    pub(crate) section: Section,
    pub(crate) gate: Gate,
    pub(crate) function: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) rule: Option<&'a Location>,
    pub(crate) pattern: Option<&'a Pattern>,
}

impl<'a> Reason<'a> {
    /// The gate that settled it.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// Which section was asked.
    pub fn section(&self) -> Section {
        self.section
    }

    /// What the decision comes to.
    pub fn outcome(&self) -> Outcome {
        self.gate.outcome(self.section)
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

    /// A copy that borrows nothing.
    pub fn explain(&self) -> Explanation {
        Explanation {
            section: self.section,
            gate: self.gate,
            function: self.function.to_owned(),
            tag: self.tag.map(str::to_owned),
            rule: self.rule.cloned(),
            pattern: self.pattern.cloned(),
        }
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
            Gate::ConditionFalse => f.write_str("its condition said no"),
            Gate::Provider => f.write_str("by its provider"),
            Gate::Data => f.write_str("by its data file"),
            Gate::Write => f.write_str("its rule says so"),
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
            Outcome::Write => " is written: ",
            Outcome::Skip => " is not written: ",
        })?;
        self.why(f)?;
        match (self.pattern, self.rule) {
            (Some(pattern), _) => write!(f, " (`{}` at {})", pattern.text(), pattern.location()),
            (None, Some(rule)) => write!(f, " (rule at {rule})"),
            (None, None) => Ok(()),
        }
    }
}
