//! What a store is opened with.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ByteSize, Policy};

/// When a write may be acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// An acknowledged write survives power loss. Concurrent writers share one sync.
    #[default]
    Durable,
    /// An acknowledged write survives the death of the process, SIGKILL included. A power loss may
    /// undo the last second of writes, but never leaves a wrong value.
    Relaxed,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Durable => "durable",
            Self::Relaxed => "relaxed",
        })
    }
}

/// The largest value kept inside the index by default, in bytes.
const DEFAULT_INLINE_LIMIT: usize = 16 * 1024;

/// A value larger than this is always a file: the log and the index are not made for more.
const MAX_INLINE_LIMIT: usize = 1024 * 1024;

/// How to open a [`Store`](crate::Store): the budget, and what rarely needs a change.
///
/// ```
/// use std::time::Duration;
/// use chia_cache::{ByteSize, Durability, Options};
///
/// let options = Options::new("4 GB".parse()?)
///     .durability(Durability::Relaxed)
///     .lock_wait(Duration::from_secs(1));
/// # let _ = options;
/// # Ok::<(), chia_cache::ParseByteSizeError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) budget: ByteSize,
    pub(crate) durability: Durability,
    pub(crate) inline_limit: usize,
    pub(crate) lock_wait: Duration,
    pub(crate) allow_shrink: bool,
    /// `None` for the policy that the store has.
    pub(crate) policy: Option<Policy>,
    /// Nothing on disk changes.
    pub(crate) read_only: bool,
}

impl Options {
    /// Options for a store that holds up to `budget` bytes of values and tags.
    pub fn new(budget: ByteSize) -> Self {
        Self {
            budget,
            durability: Durability::default(),
            inline_limit: DEFAULT_INLINE_LIMIT,
            lock_wait: Duration::from_secs(10),
            allow_shrink: false,
            policy: None,
            read_only: false,
        }
    }

    /// When writes are acknowledged. The default is [`Durability::Durable`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The largest value, in bytes, that is kept inside the index; larger ones are files. The
    /// default is 16 KiB and the most is 1 MiB. With 0 every entry is a `*.pkl` file that the
    /// Python original can read.
    pub fn inline_limit(mut self, bytes: usize) -> Self {
        self.inline_limit = bytes.min(MAX_INLINE_LIMIT);
        self
    }

    /// Whether a budget may evict more than a tenth of the entries at once, at opening and by
    /// [`set_budget`](crate::Store::set_budget). By default that is an error, which names how many
    /// would go.
    pub fn allow_shrink(mut self, allow: bool) -> Self {
        self.allow_shrink = allow;
        self
    }

    /// Which entries leave first when room is needed. A store keeps its policy from one opening to the
    /// next; a new one has [`Policy::Lru`]. Another policy than the store has makes opening rank all
    /// entries anew, which takes a pass over the index.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// How long to wait for another process that holds the directory. The default is 10 s.
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }
}
