//! The table of groups. A new group is a module and one line here.

use std::collections::BTreeSet;

use crate::cache;
use crate::dispatch;
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
}

impl Group {
    /// Whether it goes by this name, alone or as one of a family: `cache` is all of `cache-…`.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.family() == Some(name)
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
    Group {
        name: "cache-values",
        about: "the store, one thread, by size of value",
        run: cache::values::run,
    },
    Group { name: "cache-threads", about: "the store, many threads", run: cache::threads::run },
    Group {
        name: "cache-open",
        about: "the store, opening and first reads",
        run: cache::open::run,
    },
    Group { name: "cache-repair", about: "repairs of the index", run: cache::repair::run },
    Group {
        name: "rules",
        about: "one decision, beside a bare match of the same patterns",
        run: rules::run,
    },
    Group {
        name: "dispatch",
        about: "a call on the in-process backend, beside a bare tokio::spawn",
        run: dispatch::run,
    },
    Group {
        name: "record",
        about: "the record of a run: what a call costs its caller",
        run: record::run,
    },
    Group {
        name: "python",
        about: "the Python front on Ray, beside a bare remote function",
        run: python::run,
    },
    Group {
        name: "ray",
        about: "a call on Ray, beside Python's own on the same cluster",
        run: ray::run,
    },
];
