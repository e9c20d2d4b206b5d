//! The table of groups. A new group is a module and one line here.

use std::collections::BTreeSet;

use crate::cache;
use crate::dispatch;
use crate::eviction;
use crate::look;
use crate::python;
use crate::ray;
use crate::record;
use crate::report::Report;
use crate::rules;

/// A set of figures that are measured and read together.
pub struct Group {
    /// What is typed after `cargo xtask bench`.
    pub name: &'static str,
    /// One line for the heading.
    pub about: &'static str,
    /// Measures and adds the figures.
    pub run: fn(&mut Report) -> anyhow::Result<()>,
    /// Runs only when it is named: it takes long or much disk.
    pub only_by_name: bool,
}

impl Group {
    const fn new(
        name: &'static str,
        about: &'static str,
        run: fn(&mut Report) -> anyhow::Result<()>,
    ) -> Self {
        Self { name, about, run, only_by_name: false }
    }

    const fn only_by_name(self) -> Self {
        Self { only_by_name: true, ..self }
    }

    /// Whether it runs when these names are asked for; without any, all groups do.
    pub fn is_wanted(&self, names: &[String]) -> bool {
        (names.is_empty() && !self.only_by_name) || names.iter().any(|name| self.is_called(name))
    }

    /// Whether it goes by this name, alone or as one of a family: `cache` is all of `cache-…`.
    fn is_called(&self, name: &str) -> bool {
        self.name == name || (self.family() == Some(name) && !self.only_by_name)
    }

    fn family(&self) -> Option<&'static str> {
        self.name.split_once('-').map(|(family, _)| family)
    }
}

/// All that may be typed: the groups and their families.
pub fn names() -> impl Iterator<Item = &'static str> {
    let families: BTreeSet<_> = GROUPS.iter().filter_map(Group::family).collect();
    GROUPS.iter().map(|group| group.name).chain(families)
}

/// Every group, in the order in which they run.
pub const GROUPS: &[Group] = &[
    Group::new("cache-values", "the store, one thread, by size of value", cache::values::run),
    Group::new("cache-threads", "the store, many threads", cache::threads::run),
    Group::new("cache-open", "the store, opening and first reads", cache::open::run),
    Group::new("cache-repair", "repairs of the index", cache::repair::run),
    Group::new("cache-evict", "writes that evict, few entries and many", cache::evict::run),
    Group::new("cache-many", "a store of 10,000,000 entries", cache::many::run).only_by_name(),
    Group::new(
        "eviction",
        "compute time saved by each eviction policy, of all compute time",
        eviction::run,
    ),
    Group::new("rules", "one decision, beside a bare match of the same patterns", rules::run),
    Group::new(
        "dispatch",
        "a call on the in-process backend, beside a bare tokio::spawn",
        dispatch::run,
    ),
    Group::new("record", "the record of a run: what a call costs its caller", record::run),
    Group::new("look", "the tool chia-cache on large caches and runs", look::run).only_by_name(),
    Group::new("python", "the Python front on Ray, beside a bare remote function", python::run),
    Group::new("ray", "a call on Ray, beside Python's own on the same cluster", ray::run),
];
