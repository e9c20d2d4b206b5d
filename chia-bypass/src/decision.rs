//! What a decision can be.

use std::path::Path;

use crate::{Gate, Reason};

/// What becomes of a call.
#[derive(Debug)]
pub enum Decision<'a, P, C> {
    /// The real function runs.
    Run(Reason<'a>),
    /// The computation is replaced.
    Replace(Replacement<'a, P>),
    /// Every gate but the last is open: ask the condition, then
    /// [`resolve`](PendingDecision::resolve).
    Ask(PendingDecision<'a, P, C>),
}

impl<'a, P, C> Decision<'a, P, C> {
    /// Why; for a pending decision, that the condition would be asked.
    pub fn reason(&self) -> &Reason<'a> {
        match self {
            Self::Run(reason) => reason,
            Self::Replace(replacement) => &replacement.reason,
            Self::Ask(pending) => &pending.reason,
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
}

impl<'a, P> With<'a, P> {
    /// The rule's `data:` path.
    pub fn data(&self) -> Option<&'a Path> {
        match *self {
            Self::Provider(_, data) => data,
            Self::Data(data) => Some(data),
        }
    }

    fn gate(&self) -> Gate {
        match self {
            Self::Provider(..) => Gate::Provider,
            Self::Data(_) => Gate::Data,
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
    pub(crate) fn new(with: With<'a, P>, mut reason: Reason<'a>) -> Self {
        reason.gate = with.gate();
        Self { with, reason }
    }

    /// What replaces the computation.
    pub fn with(&self) -> With<'a, P> {
        self.with
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
    with: With<'a, P>,
    reason: Reason<'a>,
}

impl<'a, P, C> PendingDecision<'a, P, C> {
    pub(crate) fn new(condition: &'a C, with: With<'a, P>, mut reason: Reason<'a>) -> Self {
        reason.gate = Gate::WouldAskCondition;
        Self { condition, with, reason }
    }

    /// The condition to ask.
    pub fn condition(&self) -> &'a C {
        self.condition
    }

    /// The rule's `data:` path, which the condition gets to see.
    pub fn data(&self) -> Option<&'a Path> {
        self.with.data()
    }

    /// That the condition would be asked, and all that led here.
    pub fn reason(&self) -> &Reason<'a> {
        &self.reason
    }

    /// Finishes the decision with the condition's answer: `true` replaces, `false` runs.
    pub fn resolve(self, answer: bool) -> Decision<'a, P, C> {
        if answer {
            return Decision::Replace(Replacement::new(self.with, self.reason));
        }
        let mut reason = self.reason;
        reason.gate = Gate::ConditionFalse;
        Decision::Run(reason)
    }
}
