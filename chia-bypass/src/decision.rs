//! The possible decisions.

use std::path::Path;

use chia_config::Rehearsal;

use crate::usage::Flag;
use crate::{Gate, Override, Reason};

/// What becomes of a call.
#[derive(Debug)]
#[must_use = "a decision changes nothing by itself"]
pub enum Decision<'a, P, C> {
    /// The real function runs.
    Run(Reason<'a>),
    /// The computation is replaced.
    Replace(Replacement<'a, P>),
    /// Every gate but the last is open: ask the condition, then
    /// [`resolve`](PendingDecision::resolve).
    Ask(PendingDecision<'a, P, C>),
    /// The call fails: the run demands that it is replaced, and there is nothing to replace it
    /// with ([`Mode::Replay`](crate::Mode::Replay)).
    Fail(Reason<'a>),
}

impl<'a, P, C> Decision<'a, P, C> {
    /// Why; for a pending decision, that the condition would be asked.
    pub fn reason(&self) -> &Reason<'a> {
        match self {
            Self::Run(reason) | Self::Fail(reason) => reason,
            Self::Replace(replacement) => &replacement.reason,
            Self::Ask(pending) => pending.reason(),
        }
    }
}

/// What replaces a computation.
#[derive(Debug)]
pub enum With<'a, P> {
    /// A registered provider, and the rule's `data:` path to hand to it.
    Provider(&'a P, Option<&'a Path>),
    /// The contents of the rule's `data:` file.
    Data(&'a Path),
    /// A rehearsal: the cached value, after the time that the rule says.
    Rehearsal(&'a Rehearsal),
}

impl<'a, P> With<'a, P> {
    /// The rule's `data:` path.
    pub fn data(&self) -> Option<&'a Path> {
        match *self {
            Self::Provider(_, data) => data,
            Self::Data(data) => Some(data),
            Self::Rehearsal(_) => None,
        }
    }
}

// Derived impls would ask for `P: Clone`, though only references are copied.
impl<P> Clone for With<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for With<'_, P> {}

/// The decision to replace a computation.
#[derive(Debug)]
pub struct Replacement<'a, P> {
    with: With<'a, P>,
    reason: Reason<'a>,
}

impl<'a, P> Replacement<'a, P> {
    pub(crate) fn new(with: With<'a, P>, reason: Reason<'a>) -> Self {
        Self { with, reason }
    }

    /// What replaces the computation.
    pub fn with(&self) -> With<'a, P> {
        self.with
    }

    /// Whether the call fails, instead of running, when the cache cannot serve it
    /// ([`Mode::Replay`](crate::Mode::Replay)).
    pub fn must_hit(&self) -> bool {
        self.reason.overridden() == Some(Override::Replay)
    }

    /// Why.
    pub fn reason(&self) -> &Reason<'a> {
        &self.reason
    }
}

/// A decision that waits for its condition.
#[derive(Debug)]
#[must_use = "nothing is decided before `resolve`"]
pub struct PendingDecision<'a, P, C> {
    condition: &'a C,
    replacement: Replacement<'a, P>,
    /// The gate of the replacement, should the condition agree.
    gate: Gate,
    used: Option<&'a Flag>,
}

impl<'a, P, C> PendingDecision<'a, P, C> {
    pub(crate) fn new(
        condition: &'a C,
        replacement: Replacement<'a, P>,
        gate: Gate,
        used: Option<&'a Flag>,
    ) -> Self {
        Self { condition, replacement, gate, used }
    }

    /// The condition to ask.
    pub fn condition(&self) -> &'a C {
        self.condition
    }

    /// The rule's `data:` path, which the condition gets to see.
    pub fn data(&self) -> Option<&'a Path> {
        self.replacement.with.data()
    }

    /// That the condition would be asked, and all that led here.
    pub fn reason(&self) -> &Reason<'a> {
        &self.replacement.reason
    }

    /// Finishes the decision with the condition's answer: `true` replaces, `false` runs.
    pub fn resolve(self, answer: bool) -> Decision<'a, P, C> {
        let Replacement { with, reason } = self.replacement;
        if !answer {
            return Decision::Run(Reason { overridden: None, ..reason.at(Gate::ConditionFalse) });
        }
        self.used.inspect(|used| used.set());
        Decision::Replace(Replacement::new(with, reason.at(self.gate)))
    }
}
