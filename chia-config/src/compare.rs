//! The facts that a replay compares: the `check` and `ignore` options.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Location;

/// The facts of a call that must be as they were recorded, else the call runs (`check`).
///
/// ```
/// use chia_config::Check;
///
/// let check = Check { arguments: true, ..Check::NOTHING };
/// assert!(!check.version);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Check {
    /// The arguments, but for ignored ones.
    pub arguments: bool,
    /// The version that the function declares.
    pub version: bool,
    /// The source code of the function, where the caller's language has it (Python).
    pub code: bool,
}

impl Check {
    /// Nothing: a recorded result is served by its tag alone (`check: false`).
    pub const NOTHING: Self = Self { arguments: false, version: false, code: false };

    /// Everything (`check: true`).
    pub const EVERYTHING: Self = Self { arguments: true, version: true, code: true };
}

/// A parameter of a function that a rule ignores, and its place in the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    key: ArgumentKey,
    location: Location,
}

/// How a rule names a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentKey {
    /// By its name.
    Name(String),
    /// By its position, from 1.
    Position(usize),
}

impl Argument {
    /// The parameter with this name. Its location is the caller's source line.
    #[track_caller]
    pub fn named(name: impl Into<String>) -> Self {
        Self::new(ArgumentKey::Name(name.into()), Location::caller())
    }

    /// The parameter at this position, from 1. Its location is the caller's source line.
    #[track_caller]
    pub fn at(position: usize) -> Self {
        Self::new(ArgumentKey::Position(position), Location::caller())
    }

    pub(crate) fn new(key: ArgumentKey, location: Location) -> Self {
        Self { key, location }
    }

    /// How the rule names the parameter.
    pub fn key(&self) -> &ArgumentKey {
        &self.key
    }

    /// Where it was written.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Whether this is the parameter at `position` (from 1), called `name` if that is known.
    pub fn is(&self, position: usize, name: Option<&str>) -> bool {
        match &self.key {
            ArgumentKey::Name(own) => name == Some(own),
            ArgumentKey::Position(own) => *own == position,
        }
    }
}

impl fmt::Display for ArgumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Position(position) => position.fmt(f),
        }
    }
}
