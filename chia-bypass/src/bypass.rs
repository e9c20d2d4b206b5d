//! The decision function, and what it looks up.

use std::sync::Arc;

use chia_config::{Config, TagMatch, TagPatterns, bare_name};
use foldhash::{HashMap, HashMapExt as _};

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
    providers: HashMap<String, P>,
    conditions: HashMap<String, C>,
    noticed: Once,
}

impl<P, C> Bypass<P, C> {
    /// Rules without any provider or condition yet.
    pub fn new(config: Arc<Config>) -> Self {
        let active = config.bypass_rules().any(|(_, rule)| rule.enabled());
        Self {
            active,
            config,
            providers: HashMap::new(),
            conditions: HashMap::new(),
            noticed: Once::default(),
        }
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
        self.providers.insert(function.into(), provider)
    }

    /// Takes the provider of a function away.
    pub fn remove_provider(&mut self, function: &str) -> Option<P> {
        self.providers.remove(function)
    }

    /// Registers the condition of a function (`method` or `Type.method`), and gives back
    /// the one that it takes the place of.
    pub fn set_condition(&mut self, function: impl Into<String>, condition: C) -> Option<C> {
        self.conditions.insert(function.into(), condition)
    }

    /// Takes the condition of a function away.
    pub fn remove_condition(&mut self, function: &str) -> Option<C> {
        self.conditions.remove(function)
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
        let Some(rule) = self.config.bypass(function) else {
            return Decision::Run(reason(Gate::NotListed, None));
        };
        let at = Some(rule.location());
        if !rule.enabled() {
            return Decision::Run(reason(Gate::Off, at));
        }
        let with = match (lookup(&self.providers, function), rule.data()) {
            (Some(provider), data) => With::Provider(provider, data),
            (None, Some(data)) => With::Data(data),
            (None, None) => return Decision::Run(reason(Gate::NoReplacement, at)),
        };
        let mut reason = reason(Gate::WouldAskCondition, at);
        if !tag_gate(rule.tags(), tag, &mut reason) {
            return Decision::Run(reason);
        }
        match lookup(&self.conditions, function) {
            Some(condition) => Decision::Ask(PendingDecision::new(condition, with, reason)),
            None => Decision::Replace(Replacement::new(with, reason)),
        }
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

    /// Whether `reason` should be told to the user now: true the first time that a
    /// function is bypassed with nothing to replace it, false ever after and for every
    /// other reason.
    pub fn first_notice(&self, reason: &Reason<'_>) -> bool {
        reason.gate() == Gate::NoReplacement && self.noticed.first(reason.function())
    }
}

/// Passes a tag through the patterns, and notes in `reason` which one matched or why none.
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

/// The entry of `Type.method`, else that of `method`.
fn lookup<'m, V>(map: &'m HashMap<String, V>, function: &str) -> Option<&'m V> {
    if map.is_empty() {
        return None;
    }
    map.get(function).or_else(|| map.get(bare_name(function)?))
}
