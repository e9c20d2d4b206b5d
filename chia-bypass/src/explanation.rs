//! A reason that owns its parts.

use std::fmt;

use chia_config::{Location, Pattern};
use serde::{Deserialize, Serialize};

use crate::{Gate, Outcome, Override, Reason, Section};

/// A [`Reason`] that borrows nothing: it can be stored, sent, and read back. Its serialised
/// form and its `Display` are those of the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub(crate) section: Section,
    pub(crate) gate: Gate,
    pub(crate) overridden: Option<Override>,
    pub(crate) function: String,
    pub(crate) tag: Option<String>,
    pub(crate) rule: Option<Location>,
    pub(crate) pattern: Option<Pattern>,
}

impl Reason<'_> {
    /// A copy that borrows nothing.
    pub fn explain(&self) -> Explanation {
        Explanation {
            section: self.section,
            gate: self.gate,
            overridden: self.overridden,
            function: self.function.to_owned(),
            tag: self.tag.map(str::to_owned),
            rule: self.rule.cloned(),
            pattern: self.pattern.cloned(),
        }
    }
}

impl Explanation {
    /// The reason, borrowed back.
    pub fn reason(&self) -> Reason<'_> {
        Reason {
            section: self.section,
            gate: self.gate,
            overridden: self.overridden,
            function: &self.function,
            tag: self.tag.as_deref(),
            rule: self.rule.as_ref(),
            pattern: self.pattern.as_ref(),
        }
    }

    /// The gate that settled it, by the rules alone.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// What the decision came to.
    pub fn outcome(&self) -> Outcome {
        self.reason().outcome()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}
