//! The decision for one call.

use chia_config::{TagMatch, TagPatterns};

use crate::Mode;
use crate::bypass::{Bypass, Found, Listed};
use crate::decision::{Decision, PendingDecision, Replacement, With};
use crate::reason::{Gate, Override, Reason, Section};
use crate::usage::{Flag, RuleFlags};

use chia_config::BypassRule;

/// A call, as the rules see it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) function: &'a str,
    pub(crate) tag: Option<&'a str>,
    /// Whether the call itself asks to run.
    pub(crate) fresh: bool,
    /// Whether the first call to run has been decided.
    pub(crate) from_reached: bool,
}

/// What replaces a call, before the patterns and the condition were asked.
struct Candidate<'a, P> {
    with: With<'a, P>,
    gate: Gate,
    used: &'a Flag,
}

impl<P, C> Bypass<P, C> {
    /// Decides one call. Total: it never fails, blocks, or looks at anything but the rules.
    ///
    /// The gates, in this order: the function's rule is on; there is a provider, a rehearsal, or
    /// a `data:` file (a provider wins, and a rehearsal over a replay); the patterns, if any, match the tag; the condition,
    /// if there is one, agrees. Only the last is left to the caller, as
    /// [`Decision::Ask`]. The [settings](crate::RunSettings) of the run apply last.
    pub fn decide<'a>(&'a self, function: &'a str, tag: Option<&'a str>) -> Decision<'a, P, C> {
        let from_reached = self.pass_from(tag);
        self.judge(Call { function, tag, fresh: false, from_reached }, true)
    }

    /// As [`decide`](Self::decide), for a call that runs again if it would be replayed from the
    /// cache.
    pub fn decide_fresh<'a>(
        &'a self,
        function: &'a str,
        tag: Option<&'a str>,
    ) -> Decision<'a, P, C> {
        let from_reached = self.pass_from(tag);
        self.judge(Call { function, tag, fresh: true, from_reached }, true)
    }

    /// Why a call runs again if it would be replayed from the cache; `None` if it need not.
    ///
    /// [`decide`](Self::decide) asks this for [replays](Self::set_replay). A program whose other providers
    /// read the cache asks it for their calls, once `decide` has seen the call.
    pub fn must_rerun(&self, tag: Option<&str>, fresh: bool) -> Option<Override> {
        let from_reached = self.from_reached();
        self.rerun(&Call { function: "", tag, fresh, from_reached }, true)
    }

    /// Whether the first call to run has been reached, with this call.
    #[inline]
    fn pass_from(&self, tag: Option<&str>) -> bool {
        let Some(from) = self.settings.from() else {
            return false;
        };
        if !self.from_reached.get() && from.matches(tag).is_some() {
            self.from_reached.set();
        }
        self.from_reached.get()
    }

    /// The decision. With `record`, sets the flags of the parts of the rules that the call met.
    pub(crate) fn judge<'a>(&'a self, call: Call<'a>, record: bool) -> Decision<'a, P, C> {
        let mut reason = Reason::new(Section::Bypass, call.function, call.tag);
        let found = self.look_up(call.function);
        let Some(listed) = found.part(|entry| entry.bypass.as_ref()) else {
            return Decision::Run(reason);
        };
        let rule = &listed.rule;
        let flags = record.then_some(&listed.flags);
        flags.inspect(|flags| flags.met.set());
        reason.rule = Some(rule.location());
        if !rule.enabled() {
            return Decision::Run(reason.at(Gate::Off));
        }
        let Some(candidate) = candidate(&found, listed) else {
            return self.unreplaced(reason, rule);
        };
        if !tag_gate(rule.tags(), call.tag, flags, &mut reason) {
            return Decision::Run(reason);
        }
        let condition = found.part(|entry| entry.condition.as_ref());
        reason.gate = condition.map_or(candidate.gate, |_| Gate::WouldAskCondition);
        if self.overrides(&call, candidate.gate, record, &mut reason) {
            return Decision::Run(reason);
        }
        let Candidate { with, gate, used } = candidate;
        let used = record.then_some(used);
        match condition {
            Some(condition) => {
                record.then(|| condition.asked.set());
                let replacement = Replacement::new(with, reason);
                Decision::Ask(PendingDecision::new(&condition.value, replacement, gate, used))
            }
            None => {
                used.inspect(|used| used.set());
                Decision::Replace(Replacement::new(with, reason))
            }
        }
    }

    /// A rule that is on, with nothing to replace the call: it runs, or fails in mode `replay`.
    fn unreplaced<'a>(&self, mut reason: Reason<'a>, rule: &'a BypassRule) -> Decision<'a, P, C> {
        let mode = match self.settings.mode() {
            Mode::Replay => Override::Replay,
            Mode::Record => Override::Record,
            Mode::Off => Override::Off,
            Mode::Auto | Mode::Refresh => return Decision::Run(reason.at(Gate::NoReplacement)),
        };
        if !tag_gate(rule.tags(), reason.tag, None, &mut reason) {
            return Decision::Run(reason);
        }
        let reason = Reason { overridden: Some(mode), ..reason.at(Gate::NoReplacement) };
        match mode {
            Override::Replay => Decision::Fail(reason),
            _ => Decision::Run(reason),
        }
    }

    /// Whether the settings of the run make a call run that the rules replace. `reason` then
    /// has the override; it has one too where a replay must find its value.
    fn overrides(
        &self,
        call: &Call<'_>,
        gate: Gate,
        record: bool,
        reason: &mut Reason<'_>,
    ) -> bool {
        let must_hit = || (self.settings.mode() == Mode::Replay).then_some(Override::Replay);
        reason.overridden = match self.settings.mode() {
            Mode::Off => Some(Override::Off),
            Mode::Record => Some(Override::Record),
            _ if gate != Gate::Replay => None,
            _ => self.rerun(call, record).or_else(must_hit),
        };
        reason.overridden.is_some_and(|overridden| overridden != Override::Replay)
    }

    /// Why the settings of the run make a call run that would be replayed from the cache.
    fn rerun(&self, call: &Call<'_>, record: bool) -> Option<Override> {
        if call.fresh {
            return Some(Override::Fresh);
        }
        if self.settings.rerun().is_some_and(|rerun| rerun.matches(call.tag).is_some()) {
            record.then(|| self.rerun_used.set());
            return Some(Override::Rerun);
        }
        if call.from_reached {
            return Some(Override::From);
        }
        (self.settings.mode() == Mode::Refresh).then_some(Override::Refresh)
    }
}

/// What replaces the calls of a rule that is on: a provider, else a rehearsal, else a replay, else
/// a file.
fn candidate<'a, P, C>(
    found: &Found<'a, P, C>,
    listed: &'a Listed<BypassRule>,
) -> Option<Candidate<'a, P>> {
    let (rule, used) = (&listed.rule, &listed.flags.replaced);
    let provider = found.part(|entry| entry.provider.as_ref());
    let rehearsal = rule.rehearsal().filter(|_| provider.is_none_or(|provider| provider.replays));
    if let Some(rehearsal) = rehearsal {
        return Some(Candidate { with: With::Rehearsal(rehearsal), gate: Gate::Rehearsal, used });
    }
    if let Some(provider) = provider {
        let gate = if provider.replays { Gate::Replay } else { Gate::Provider };
        let with = With::Provider(&provider.value, rule.data());
        return Some(Candidate { with, gate, used: &provider.used });
    }
    Some(Candidate { with: With::Data(rule.data()?), gate: Gate::Data, used })
}

/// Whether the patterns of a rule match the tag. `reason` then names the pattern, or why there
/// is none.
#[inline]
pub(crate) fn tag_gate<'a>(
    tags: Option<&'a TagPatterns>,
    tag: Option<&str>,
    flags: Option<&RuleFlags>,
    reason: &mut Reason<'a>,
) -> bool {
    let Some(tags) = tags else {
        return true;
    };
    let (gate, index) = match tags.evaluate(tag) {
        TagMatch::Matched(index) => (None, Some(index)),
        TagMatch::Untagged => (Some(Gate::TagMissing), None),
        TagMatch::GaveUp(index) => (Some(Gate::PatternGaveUp), Some(index)),
        _ => (Some(Gate::TagNoMatch), None),
    };
    reason.pattern = index.and_then(|index| tags.patterns().get(index));
    reason.gate = gate.unwrap_or(reason.gate);
    if let Some(flags) = flags {
        record_match(flags, gate, index, tag);
    }
    gate.is_none()
}

fn record_match(flags: &RuleFlags, gate: Option<Gate>, index: Option<usize>, tag: Option<&str>) {
    match (gate, index.and_then(|index| flags.patterns.get(index)), tag) {
        (None, Some(pattern), _) => pattern.set(),
        (Some(Gate::TagNoMatch), _, Some(tag)) => {
            flags.unmatched.get_or_init(|| tag.into());
        }
        _ => {}
    }
}
