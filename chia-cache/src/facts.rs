//! What the store knows of an entry beside its bytes, and what its operations answer.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The function really ran.
    Real,
    /// Somebody wrote it by hand.
    Manual,
    /// A bypass provider made it in place of the function.
    Provider,
    /// It is the contents of a recorded file, served in place of the function.
    File,
}

impl Origin {
    /// Whether the value stands for the function's own work, so that no replacement may displace
    /// it and a replay may serve it.
    #[must_use]
    pub fn is_original(self) -> bool {
        matches!(self, Self::Real | Self::Manual)
    }
}

/// How a reader decodes the bytes. The store never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// The value is one Python pickle.
    #[default]
    Pickle,
    /// The value is plain bytes.
    Raw,
}

/// The facts that go with a value when it is written.
///
/// ```
/// use std::time::Duration;
/// use chia_cache::{Codec, NewEntry, Origin};
///
/// let entry = NewEntry::new(Origin::Real)
///     .function("build_core")
///     .compute_time(Duration::from_secs(90))
///     .codec(Codec::Raw);
/// # let _ = entry;
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[must_use]
pub struct NewEntry {
    pub(crate) function: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) compute_time: Option<Duration>,
    pub(crate) codec: Codec,
}

impl NewEntry {
    /// An entry of this origin, of no known function, a pickle.
    pub fn new(origin: Origin) -> Self {
        Self { function: None, origin, compute_time: None, codec: Codec::default() }
    }

    /// The name of the function whose result this is.
    pub fn function(mut self, name: impl Into<String>) -> Self {
        self.function = Some(name.into());
        self
    }

    /// How long the function took to compute the value.
    pub fn compute_time(mut self, time: Duration) -> Self {
        self.compute_time = Some(time);
        self
    }

    /// How a reader decodes the value.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Written {
    /// The value is in the store.
    Stored {
        /// Whether it took the place of a result of another function.
        collision: bool,
    },
    /// The same bytes were there already: the entry was refreshed and kept its compute time.
    Refreshed,
    /// A real or manual value is there, which a replacement never displaces.
    KeptReal,
    /// Value and tag together exceed the whole budget. Nothing changed.
    TooLarge,
}

impl Written {
    /// Whether the store now holds these bytes under the tag.
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Refreshed)
    }
}

/// What the store knows of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Facts {
    /// The tag.
    pub tag: String,
    /// The function whose result it is, if the writer said so.
    pub function: Option<String>,
    /// Where the value came from.
    pub origin: Origin,
    /// The size of the value in bytes, without the tag.
    pub size: u64,
    /// When the value was written.
    pub created: SystemTime,
    /// When the value was last read or refreshed, if ever.
    pub last_read: Option<SystemTime>,
    /// How long the value took to compute, if known.
    pub compute_time: Option<Duration>,
    /// How to decode the value.
    pub codec: Codec,
}

/// A value with its facts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The value, as it was written.
    pub value: Bytes,
    /// What the store knows of it.
    pub facts: Facts,
}

/// The answer to a replay.
#[derive(Clone, Debug)]
pub enum Replay {
    /// The function's own value is here.
    Hit(Entry),
    /// It is not, and why.
    Miss(ReplayMiss),
}

/// Why a replay found nothing to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplayMiss {
    /// Nothing is under the tag.
    Absent,
    /// The entry is the result of another function.
    OtherFunction {
        /// The function that wrote it.
        function: String,
    },
    /// The entry only replaced a computation.
    Replacement {
        /// Where the entry came from.
        origin: Origin,
    },
    /// The entry was damaged and has been set aside.
    Damaged,
}

impl fmt::Display for ReplayMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no entry has this tag"),
            Self::OtherFunction { function } => write!(f, "the entry is a result of `{function}`"),
            Self::Replacement { origin } => {
                write!(f, "the entry is a replacement ({origin}), not a computed result")
            }
            Self::Damaged => f.write_str("the entry was damaged and has been set aside"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Manual => "manual",
            Self::Provider => "provider",
            Self::File => "file",
        })
    }
}
