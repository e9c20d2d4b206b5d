//! The rules of one loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use foldhash::HashMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::report::{Diagnostic, Source};
use crate::{Argument, BypassRule, CacheRule};

/// The rules of one loop, checked and compiled. Immutable, so share it in an `Arc`.
///
/// Serialising keeps the rules, in the order of their names, and the places where they were
/// written; deserialising compiles the patterns again. Warnings and the file's text are not
/// serialised.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Config {
    #[serde(serialize_with = "sorted")]
    pub(crate) bypass: HashMap<String, BypassRule>,
    #[serde(serialize_with = "sorted")]
    pub(crate) cache: HashMap<String, CacheRule>,
    #[serde(skip)]
    pub(crate) warnings: Vec<Diagnostic>,
    #[serde(skip)]
    pub(crate) source: Option<Arc<Source>>,
}

impl Config {
    /// No rules: every call runs, nothing is written.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The `bypass:` rule of a function, on or off.
    ///
    /// The rule of `Type.method` is the one under that name, else the one under `method`.
    #[inline]
    pub fn bypass(&self, function: &str) -> Option<&BypassRule> {
        lookup(&self.bypass, function)
    }

    /// The `cache:` rule of a function, on or off; names as for [`bypass`](Self::bypass).
    #[inline]
    pub fn cache(&self, function: &str) -> Option<&CacheRule> {
        lookup(&self.cache, function)
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.bypass.is_empty() && self.cache.is_empty()
    }

    /// What is allowed but probably not meant: a section called almost `bypass`, options of a
    /// rule that is off, an empty list of patterns, a `data:` file that does not exist.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Every bypass rule with its name, in no particular order.
    pub fn bypass_rules(&self) -> impl Iterator<Item = (&str, &BypassRule)> {
        self.bypass.iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// Every cache rule with its name, in no particular order.
    pub fn cache_rules(&self) -> impl Iterator<Item = (&str, &CacheRule)> {
        self.cache.iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// The parameters of a function that its rules ignore: those of its `bypass:` rule and
    /// those of its `cache:` rule. They count in no comparison and in no tag made from
    /// arguments.
    pub fn ignored(&self, function: &str) -> impl Iterator<Item = &Argument> {
        let bypass = self.bypass(function).map_or(&[][..], BypassRule::ignored);
        bypass.iter().chain(self.cache(function).map_or(&[][..], CacheRule::ignored))
    }

    /// Every function with a `data:` file and that file: all that may ever
    /// be served. Rules that are off name no file here.
    pub fn data_paths(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.bypass_rules()
            .filter(|(_, rule)| rule.enabled())
            .filter_map(|(name, rule)| Some((name, rule.data()?)))
    }
}

/// The entry of `Type.method`, else that of `method`.
#[inline]
fn lookup<'r, R>(rules: &'r HashMap<String, R>, function: &str) -> Option<&'r R> {
    if rules.is_empty() {
        return None;
    }
    rules.get(function).or_else(|| rules.get(crate::bare_name(function)?))
}

/// The same rules are the same bytes, whatever the order of a hash map.
fn sorted<S: Serializer, R: Serialize>(
    rules: &HashMap<String, R>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(rules.iter().collect::<BTreeMap<_, _>>())
}
