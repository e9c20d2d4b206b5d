//! The rules of a loop with what it selected, as they are decided by and as they travel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use chia_bypass::{Bypass, RunSettings};
use chia_config::Config;
use serde::{Deserialize, Serialize};

use chia_dispatch::backend::Shared;
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::CacheLocation;

use crate::record::RunRecord;

/// What a loop puts in a function's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Replacement {
    Provider(Selected),
    Replay { or_fail: bool },
}

/// A registered provider or condition, and what the loop gives along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Selected {
    pub(crate) name: String,
    pub(crate) capture: Bytes,
}

/// All that decides a loop's calls, in driver and workers alike (R9).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RulesData {
    #[serde(with = "shared_config")]
    pub(crate) config: Arc<Config>,
    pub(crate) replacements: BTreeMap<String, Replacement>,
    pub(crate) conditions: BTreeMap<String, Selected>,
    pub(crate) cache: Option<CacheLocation>,
    /// The name of the file server actor.
    pub(crate) files: Option<String>,
    pub(crate) write_timeout: Duration,
    pub(crate) strict: bool,
    /// Whether warnings go to a `tracing` subscriber alone.
    pub(crate) quiet: bool,
    /// Whether a replay compares everything where its rule does not say.
    pub(crate) check_by_default: bool,
    pub(crate) settings: RunSettings,
    /// The share of calls that failed in an earlier run, of the functions whose rehearsal asks for it.
    pub(crate) failures: BTreeMap<String, f64>,
    /// The id of the run, recorded with each result.
    pub(crate) run: String,
    /// Whether the driver records the calls one by one.
    pub(crate) recorded: bool,
}

/// Rules, compiled once, with the bytes that they travel as.
pub(crate) struct Rules {
    pub(crate) data: RulesData,
    pub(crate) bypass: Bypass<Replacement, Selected>,
    pub(crate) shared: Shared,
    /// The functions that the user was warned of: a stale result of theirs was served.
    stale: Arc<Mutex<BTreeSet<String>>>,
    /// The record of the run, in the process that writes it.
    pub(crate) record: Weak<RunRecord>,
}

impl Rules {
    pub(crate) fn new(data: RulesData) -> Result<Self> {
        let bytes = serde_json::to_vec(&data).map_err(|error| {
            Error::new(ErrorKind::Encode, "the rules cannot be sent to workers").with_source(error)
        })?;
        let shared = Shared { hash: twox_hash::XxHash3_128::oneshot(&bytes), bytes: bytes.into() };
        Ok(Self::compile(data, shared))
    }

    /// Whether this is the first stale result of a function; records it.
    pub(crate) fn first_stale(&self, function: &str) -> bool {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner).insert(function.to_owned())
    }

    /// Whether untagged calls of a function get a tag made from their arguments.
    pub(crate) fn makes_tags(&self, function: &str) -> bool {
        self.data.config.cache(function).is_some_and(|rule| rule.enabled() && rule.auto_tag())
    }

    /// The rules that a task brought along.
    pub(crate) fn unpack(shared: &Shared) -> Result<Self> {
        let data = serde_json::from_slice(&shared.bytes).map_err(|error| {
            Error::new(ErrorKind::Protocol, "the rules of a task cannot be read").with_source(error)
        })?;
        Ok(Self::compile(data, shared.clone()))
    }

    fn compile(data: RulesData, shared: Shared) -> Self {
        let mut bypass = Bypass::with_settings(Arc::clone(&data.config), data.settings.clone());
        for (function, replacement) in &data.replacements {
            match replacement {
                Replacement::Replay { .. } => bypass.set_replay(function, replacement.clone()),
                Replacement::Provider(_) => bypass.set_provider(function, replacement.clone()),
            };
        }
        for (function, condition) in &data.conditions {
            bypass.set_condition(function, condition.clone());
        }
        Self { data, bypass, shared, stale: Arc::default(), record: Weak::new() }
    }

    /// The same rules with a change, for the calls from now on.
    pub(crate) fn change(&self, edit: impl FnOnce(&mut RulesData)) -> Result<Self> {
        let mut data = self.data.clone();
        edit(&mut data);
        let mut changed = Self::new(data)?;
        changed.stale = Arc::clone(&self.stale);
        changed.bypass.add_usage(&self.bypass.usage());
        changed.record = Weak::clone(&self.record);
        Ok(changed)
    }
}

/// Of two ways to name a function (`Type.method` and `method`), the one that is there.
pub(crate) fn lookup<'m, V>(map: &'m BTreeMap<String, V>, function: &str) -> Option<&'m V> {
    map.get(function).or_else(|| map.get(chia_config::bare_name(function)?))
}

mod shared_config {
    use std::sync::Arc;

    use chia_config::Config;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        config: &Arc<Config>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        config.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Config>, D::Error> {
        Config::deserialize(deserializer).map(Arc::new)
    }
}
