//! The cache's side: is a call's result written?

use chia_config::{CacheRule, Config};

use crate::bypass::tag_gate;
use crate::reason::{Gate, Reason, Section};

/// Whether a call's result is written to the cache, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteDecision<'a> {
    reason: Reason<'a>,
}

impl<'a> WriteDecision<'a> {
    /// Whether the result is written.
    pub fn write(&self) -> bool {
        self.reason.gate() == Gate::Write
    }

    /// Why, or why not.
    pub fn reason(&self) -> &Reason<'a> {
        &self.reason
    }
}

/// Decides whether the result of a call is written under its tag: the function's `cache:`
/// rule is on, the call has a tag, and the rule's patterns, if any, match it.
pub fn decide_write<'a>(
    config: &'a Config,
    function: &'a str,
    tag: Option<&'a str>,
) -> WriteDecision<'a> {
    let rule = config.cache(function);
    let mut reason = Reason {
        section: Section::Cache,
        gate: Gate::Write,
        function,
        tag,
        rule: rule.map(CacheRule::location),
        pattern: None,
    };
    match rule {
        None => reason.gate = Gate::NotListed,
        Some(rule) if !rule.enabled() => reason.gate = Gate::Off,
        Some(_) if tag.is_none() => reason.gate = Gate::TagMissing,
        Some(rule) => {
            tag_gate(rule.tags(), tag, &mut reason);
        }
    }
    WriteDecision { reason }
}
