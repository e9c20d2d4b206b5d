//! What becomes of one call.

use std::path::PathBuf;

use chia_bypass::{Explanation, Gate, Outcome, With};
use pyo3::prelude::*;

use crate::rules::Callables;

/// What becomes of one call.
#[pyclass(frozen, get_all, module = "chia_ray._native")]
pub(crate) struct Decision {
    /// What is done: `run`, `provider`, `file`, `replay` (the cached value, else the body), `must_replay`
    /// (the cached value, else an error), `rehearse`, `ask` (the condition has the last word), or `fail`.
    action: &'static str,
    /// The provider that replaces the computation, if one does.
    provider: Option<Py<PyAny>>,
    /// The rule's file, for a provider, a condition, or as the value itself.
    data: Option<PathBuf>,
    /// The condition that has the last word.
    condition: Option<Py<PyAny>>,
    /// Why, for people.
    reason: String,
    /// Whether the rules replace it, and nothing is there to replace it with.
    unreplaced: bool,
    /// Whether to warn the user of that now.
    notice: bool,
    /// Why, for the decision to write the result.
    explanation: Explained,
}

/// A reason that Python only hands back.
#[pyclass(frozen, module = "chia_ray._native")]
#[derive(Clone)]
pub(crate) struct Explained(pub(crate) Explanation);

impl Decision {
    pub(crate) fn new(
        py: Python<'_>,
        bypass: &Callables,
        decision: chia_bypass::Decision<'_, Py<PyAny>, Py<PyAny>>,
    ) -> Self {
        let reason = decision.reason();
        let unreplaced = reason.gate() == Gate::NoReplacement && reason.overridden().is_none();
        let settled = Self {
            action: if reason.outcome() == Outcome::Fail { "fail" } else { "run" },
            provider: None,
            data: None,
            condition: None,
            reason: reason.to_string(),
            unreplaced,
            notice: bypass.first_notice(reason),
            explanation: Explained(reason.explain()),
        };
        match decision {
            chia_bypass::Decision::Run(_) | chia_bypass::Decision::Fail(_) => settled,
            chia_bypass::Decision::Ask(pending) => Self {
                action: "ask",
                data: pending.data().map(Into::into),
                condition: Some(pending.condition().clone_ref(py)),
                ..settled
            },
            chia_bypass::Decision::Replace(replacement) => {
                let replays = replacement.reason().gate() == Gate::Replay;
                let (action, provider) = match replacement.with() {
                    With::Provider(..) if replays && replacement.must_hit() => {
                        ("must_replay", None)
                    }
                    With::Provider(..) if replays => ("replay", None),
                    With::Provider(provider, _) => ("provider", Some(provider.clone_ref(py))),
                    With::Data(_) => ("file", None),
                    With::Rehearsal(_) => ("rehearse", None),
                };
                let data = replacement.with().data().map(Into::into);
                Self { action, provider, data, ..settled }
            }
        }
    }
}
