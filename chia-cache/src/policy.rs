//! Which entries leave first when room is needed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which entries a store evicts first when it needs room.
///
/// ```
/// use chia_cache::Policy;
///
/// assert_eq!("saved-time".parse(), Ok(Policy::SavedTime));
/// assert_eq!(Policy::default().to_string(), "lru");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Policy {
    /// The least recently used entry leaves first.
    #[default]
    Lru,
    /// The entry that saves the least compute time per byte leaves first; among equals, the least
    /// recently used one. An entry without a compute time saves nothing. Every eviction raises the
    /// value of newer and newly read entries by what the evicted entry was worth, so that
    /// expensive entries that nobody reads leave in the end (GreedyDual-Size).
    SavedTime,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lru => "lru",
            Self::SavedTime => "saved-time",
        })
    }
}

/// A name that is no [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown eviction policy {0:?}: use \"lru\" or \"saved-time\"")]
pub struct ParsePolicyError(String);

impl FromStr for Policy {
    type Err = ParsePolicyError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "lru" => Ok(Self::Lru),
            "saved-time" => Ok(Self::SavedTime),
            other => Err(ParsePolicyError(other.to_owned())),
        }
    }
}

impl Policy {
    /// The number that stands for the policy in the index.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Lru => 0,
            Self::SavedTime => 1,
        }
    }

    /// The policy that a number in the index stands for.
    pub(crate) fn from_number(number: u64) -> Self {
        if number == Self::SavedTime.number() { Self::SavedTime } else { Self::Lru }
    }
}
