//! Which parts of the rules had an effect.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::Section;

/// Set once, and read often: the usual case is one plain load.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    #[inline]
    pub(crate) fn set(&self) {
        if !self.get() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What calls met of one rule.
#[derive(Debug, Default)]
pub(crate) struct RuleFlags {
    pub(crate) met: Flag,
    /// Whether the rule's own file or rehearsal replaced a call.
    pub(crate) replaced: Flag,
    /// One for each pattern of the rule.
    pub(crate) patterns: Box<[Flag]>,
    /// The first tag that no pattern matched.
    pub(crate) unmatched: OnceLock<Box<str>>,
}

impl RuleFlags {
    pub(crate) fn new(patterns: usize) -> Self {
        Self { patterns: (0..patterns).map(|_| Flag::default()).collect(), ..Self::default() }
    }
}

/// The parts of the rules that had an effect in one process.
///
/// Calls that are decided on workers count there. A worker sends its
/// [`Bypass::usage`](crate::Bypass::usage), and the driver adds it with
/// [`Bypass::add_usage`](crate::Bypass::add_usage).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage(pub(crate) BTreeSet<Part>);

impl Usage {
    /// Whether nothing had an effect.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }
}

/// One part of the rules that can have an effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The rule of a function: calls met it.
    Rule(Section, String),
    /// A pattern of a function's rule, by its index: it was the first to match a tag.
    Pattern(Section, String, usize),
    /// The `data:` file of a function: it replaced a call.
    Data(String),
    /// The rehearsal of a function: it replaced a call.
    Rehearsal(String),
    /// The provider of a function: it replaced a call.
    Provider(String),
    /// The condition of a function: it was asked.
    Condition(String),
    /// The pattern of calls to run again: it matched a call that would have been replayed.
    Rerun,
    /// The pattern of the first call to run: it matched a tag.
    From,
}
