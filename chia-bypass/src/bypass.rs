//! The decision function, and what it looks up.

use std::sync::Arc;

use chia_config::{BypassRule, Config, TagMatch, TagPatterns, bare_name};
use foldhash::HashMap;

use crate::Explanation;
use crate::decision::{Decision, PendingDecision, Replacement, With};
use crate::once::Once;
use crate::reason::{Gate, Reason, Section};

/// Rules, with the providers and conditions that they refer to by function name.
///
/// What a provider (`P`) and a condition (`C`) are is up to the caller: a closure, a name,
/// a handle. They are handed back, never called.
#[derive(Debug)]
pub struct Bypass<P, C> {
    config: Arc<Config>,
    active: bool,
    known: HashMap<String, Known<P, C>>,
    noticed: Once,
}

/// All that hangs on one name, so that a decision looks it up once.
#[derive(Debug)]
struct Known<P, C> {
    rule: Option<BypassRule>,
    provider: Option<P>,
    condition: Option<C>,
}

// A derived impl would ask for `P: Default`.
impl<P, C> Default for Known<P, C> {
    fn default() -> Self {
        Self { rule: None, provider: None, condition: None }
    }
}

impl<P, C> Bypass<P, C> {
    /// Rules without any provider or condition yet.
    pub fn new(config: Arc<Config>) -> Self {
        let active = config.bypass_rules().any(|(_, rule)| rule.enabled());
        let known = config.bypass_rules().map(|(name, rule)| {
            (name.to_owned(), Known { rule: Some(rule.clone()), ..Known::default() })
        });
        Self { active, known: known.collect(), config, noticed: Once::default() }
    }

    /// The rules.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Whether any rule is on. If not, every call runs.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Registers the provider of a function (`method` or `Type.method`), and gives back
    /// the one that it takes the place of.
    pub fn set_provider(&mut self, function: impl Into<String>, provider: P) -> Option<P> {
        self.known.entry(function.into()).or_default().provider.replace(provider)
    }

    /// Takes the provider of a function away.
    pub fn remove_provider(&mut self, function: &str) -> Option<P> {
        self.known.get_mut(function)?.provider.take()
    }

    /// Registers the condition of a function (`method` or `Type.method`), and gives back
    /// the one that it takes the place of.
    pub fn set_condition(&mut self, function: impl Into<String>, condition: C) -> Option<C> {
        self.known.entry(function.into()).or_default().condition.replace(condition)
    }

    /// Takes the condition of a function away.
    pub fn remove_condition(&mut self, function: &str) -> Option<C> {
        self.known.get_mut(function)?.condition.take()
    }

    /// Decides one call. Total: it never fails, blocks, or looks at anything but the rules.
    ///
    /// The gates, in this order: the function's rule is on; there is a provider or a
    /// `data:` file (a provider wins); the patterns, if any, match the tag; the condition,
    /// if there is one, agrees. Only the last is left to the caller, as
    /// [`Decision::Ask`].
    pub fn decide<'a>(&'a self, function: &'a str, tag: Option<&'a str>) -> Decision<'a, P, C> {
        let reason = |gate, rule| {
            let (section, pattern) = (Section::Bypass, None);
            Reason { section, gate, function, tag, rule, pattern }
        };
        let [exact, bare] = self.look_up(function);
        let Some(rule) = either(exact, bare, |known| known.rule.as_ref()) else {
            return Decision::Run(reason(Gate::NotListed, None));
        };
        let at = Some(rule.location());
        if !rule.enabled() {
            return Decision::Run(reason(Gate::Off, at));
        }
        let with = match (either(exact, bare, |known| known.provider.as_ref()), rule.data()) {
            (Some(provider), data) => With::Provider(provider, data),
            (None, Some(data)) => With::Data(data),
            (None, None) => return Decision::Run(reason(Gate::NoReplacement, at)),
        };
        let mut reason = reason(Gate::WouldAskCondition, at);
        if !tag_gate(rule.tags(), tag, &mut reason) {
            return Decision::Run(reason);
        }
        match either(exact, bare, |known| known.condition.as_ref()) {
            Some(condition) => Decision::Ask(PendingDecision::new(condition, with, reason)),
            None => Decision::Replace(Replacement::new(with, reason)),
        }
    }

    /// What is known of `Type.method`, and of `method`.
    fn look_up(&self, function: &str) -> [Option<&Known<P, C>>; 2] {
        let bare = bare_name(function).and_then(|name| self.known.get(name));
        [self.known.get(function), bare]
    }

    /// What would become of calls, without making them: pairs of a function and a tag. A
    /// condition is not asked; its calls say that it would be.
    pub fn dry_run<'a>(
        &'a self,
        calls: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Vec<Explanation> {
        calls
            .into_iter()
            .map(|(function, tag)| self.decide(function, tag).reason().explain())
            .collect()
    }

    /// Whether `reason` should be reported to the user now: true the first time that a
    /// function is bypassed with nothing to replace it, false ever after and for every
    /// other reason.
    pub fn first_notice(&self, reason: &Reason<'_>) -> bool {
        reason.gate() == Gate::NoReplacement && self.noticed.first(reason.function())
    }
}

/// Passes a tag through the patterns, and notes in `reason` which one matched or why none.
#[inline]
pub(crate) fn tag_gate<'a>(
    tags: Option<&'a TagPatterns>,
    tag: Option<&str>,
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
    gate.is_none()
}

/// A part of the entry of `Type.method`, else of that of `method`.
fn either<'m, P, C, T>(
    exact: Option<&'m Known<P, C>>,
    bare: Option<&'m Known<P, C>>,
    part: impl Fn(&'m Known<P, C>) -> Option<&'m T>,
) -> Option<&'m T> {
    exact.and_then(&part).or_else(|| bare.and_then(&part))
}
