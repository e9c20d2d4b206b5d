//! What the store knows of an entry beside its bytes, and what its operations answer.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fingerprint::{Fingerprint, Hash128};

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
/// use chia_cache::{Codec, Fingerprint, NewEntry, Origin};
///
/// let entry = NewEntry::new(Origin::Real)
///     .function("build_core")
///     .version("2")
///     .argument(Fingerprint::new(0x5eed, 8).name("seed").repr("42"))
///     .label("slack_ps", "-12")
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
    pub(crate) provenance: Provenance,
    pub(crate) ttl: Option<Duration>,
    pub(crate) pinned: bool,
    pub(crate) created: Option<SystemTime>,
}

impl From<Facts> for NewEntry {
    /// An entry with these facts, for a copy of the value in another store. The copy has the age of the
    /// original and expires when it does. When it was last read is not copied.
    fn from(facts: Facts) -> Self {
        let lives = |expires: SystemTime| expires.duration_since(facts.created).unwrap_or_default();
        Self {
            function: facts.function,
            origin: facts.origin,
            compute_time: facts.compute_time,
            codec: facts.codec,
            provenance: facts.provenance,
            ttl: facts.expires.map(lives),
            pinned: facts.pinned,
            created: Some(facts.created),
        }
    }
}

impl NewEntry {
    /// An entry of this origin, of no known function, a pickle.
    pub fn new(origin: Origin) -> Self {
        Self {
            function: None,
            origin,
            compute_time: None,
            codec: Codec::default(),
            provenance: Provenance::default(),
            ttl: None,
            pinned: false,
            created: None,
        }
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

    /// The version that the function declares.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.provenance.version = Some(version.into());
        self
    }

    /// The fingerprint of the next argument, in order of position.
    pub fn argument(mut self, argument: Fingerprint) -> Self {
        self.provenance.arguments.push(argument);
        self
    }

    /// The fingerprints of all arguments, in order of position.
    pub fn arguments(mut self, arguments: Vec<Fingerprint>) -> Self {
        self.provenance.arguments = arguments;
        self
    }

    /// A hash of the function's source.
    pub fn code(mut self, hash: u128) -> Self {
        self.provenance.code = Some(hash.into());
        self
    }

    /// The run that computed the value.
    pub fn run(mut self, id: impl Into<String>) -> Self {
        self.provenance.run = Some(id.into());
        self
    }

    /// Attaches a label. A label of the same name is replaced.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.provenance.labels.retain(|(old, _)| *old != name);
        self.provenance.labels.push((name, value));
        self
    }

    /// How long the entry is served. After that it is a miss, and the next to be evicted.
    pub fn ttl(mut self, time: Duration) -> Self {
        self.ttl = Some(time);
        self
    }

    /// Whether the entry is pinned: never evicted to make room.
    pub fn pinned(mut self, pinned: bool) -> Self {
        self.pinned = pinned;
        self
    }

    /// When the value was computed, if that was before it is written: for copies of older results.
    pub fn created(mut self, at: SystemTime) -> Self {
        self.created = Some(at);
        self
    }

    /// What the facts take, roughly, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.function.as_ref().map_or(0, String::len) + self.provenance.size()
    }
}

/// What a value was computed from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// The version that the function declared.
    pub version: Option<String>,
    /// The fingerprints of the arguments, in order of position.
    pub arguments: Vec<Fingerprint>,
    /// A hash of the function's source.
    pub code: Option<Hash128>,
    /// The run that computed the value.
    pub run: Option<String>,
    /// Labels that the loop attached: name and value.
    pub labels: Vec<(String, String)>,
}

impl Provenance {
    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether both were computed from the same: arguments, version and code. Runs and labels may
    /// differ.
    pub(crate) fn same_source(&self, other: &Self) -> bool {
        (&self.version, self.code, &self.arguments)
            == (&other.version, other.code, &other.arguments)
    }

    /// What it takes, roughly, in bytes.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let labels = self.labels.iter().map(|(name, value)| 2 + name.len() + value.len());
        text(&self.version)
            + text(&self.run)
            + self.code.map_or(0, |_| 16)
            + self.arguments.iter().map(Fingerprint::size).sum::<usize>()
            + labels.sum::<usize>()
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
    /// What the value was computed from.
    pub provenance: Provenance,
    /// When the entry stops being served, if ever.
    pub expires: Option<SystemTime>,
    /// Whether the entry is never evicted to make room.
    pub pinned: bool,
}

impl Facts {
    /// Why a [replay](crate::Store::replay) of `function` would refuse this entry; `None` if it
    /// would serve it.
    #[must_use]
    pub fn replay_miss(&self, function: &str) -> Option<ReplayMiss> {
        ReplayMiss::of(self.origin, self.function.as_deref(), function)
    }
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
#[allow(clippy::large_enum_variant, reason = "a hit is the common case, and is moved once")]
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
    /// The entry was damaged and has been put into quarantine.
    Damaged,
    /// The check that the caller gave refused the entry's facts.
    Rejected,
}

impl ReplayMiss {
    /// Why an entry of this origin and writer is not replayed for `function`; `None` if it is.
    pub(crate) fn of(origin: Origin, writer: Option<&str>, function: &str) -> Option<Self> {
        if !origin.is_original() {
            return Some(Self::Replacement { origin });
        }
        let other = writer.filter(|writer| *writer != function);
        other.map(|other| Self::OtherFunction { function: other.to_owned() })
    }
}

impl fmt::Display for ReplayMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no entry has this tag"),
            Self::OtherFunction { function } => write!(f, "the entry is a result of `{function}`"),
            Self::Replacement { origin } => {
                write!(f, "the entry is a replacement ({origin}), not a computed result")
            }
            Self::Damaged => f.write_str("the entry was damaged and has been put into quarantine"),
            Self::Rejected => f.write_str("the entry's facts differ from what was asked for"),
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
