//! Is the result of a call written to the cache?

use crate::bypass::Bypass;
use crate::decide::tag_gate;
use crate::reason::{Gate, Outcome, Override, Reason, Section};

/// Whether a call's result is written to the cache, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteDecision<'a> {
    reason: Reason<'a>,
}

impl<'a> WriteDecision<'a> {
    /// Whether the result is written.
    pub fn write(&self) -> bool {
        self.reason.outcome() == Outcome::Write
    }

    /// Why, or why not.
    pub fn reason(&self) -> &Reason<'a> {
        &self.reason
    }
}

impl<P, C> Bypass<P, C> {
    /// Decides whether the result of a call is written under its tag, given the reason of the
    /// call's [decision](Self::decide).
    ///
    /// The function's `cache:` rule is on; the call has a tag, or gets one made from its
    /// arguments; and the rule's patterns, if any, match it. The settings of the run
    /// apply last: in mode `off` nothing is written; a call that runs only because of the
    /// settings is written although no `cache:` rule names its function.
    pub fn decide_write<'a>(&'a self, call: &Reason<'a>) -> WriteDecision<'a> {
        let mut reason = Reason::new(Section::Cache, call.function(), call.tag());
        let found = self.look_up(call.function());
        if let Some(listed) = found.part(|entry| entry.cache.as_ref()) {
            let rule = &listed.rule;
            listed.flags.met.set();
            reason.rule = Some(rule.location());
            reason.gate = match (rule.enabled(), call.tag()) {
                (false, _) => Gate::Off,
                // A rehearsal computes nothing.
                _ if call.outcome() == Outcome::Replace && call.gate() == Gate::Rehearsal => {
                    Gate::Rehearsal
                }
                (true, None) if rule.auto_tag() => Gate::WriteAutoTag,
                (true, None) => Gate::TagMissing,
                (true, Some(_)) => Gate::Write,
            };
            if reason.gate == Gate::Write {
                tag_gate(rule.tags(), call.tag(), Some(&listed.flags), &mut reason);
            }
        }
        reason.overridden = self.write_override(call, &reason);
        WriteDecision { reason }
    }

    /// What the settings of the run change about writing.
    fn write_override(&self, call: &Reason<'_>, reason: &Reason<'_>) -> Option<Override> {
        if self.settings.mode() == crate::Mode::Off {
            return (reason.outcome() == Outcome::Write).then_some(Override::Off);
        }
        let runs_again = call.overridden().filter(|cause| *cause != Override::Replay);
        let unlisted = reason.gate() == Gate::NotListed && call.tag().is_some();
        runs_again.filter(|_| unlisted)
    }
}
