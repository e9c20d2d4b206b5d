//! The rules of a run, with the providers and conditions that they refer to.

use std::sync::Arc;

use chia_config::{BypassRule, CacheRule, Config, Rule, bare_name};
use foldhash::HashMap;

use crate::RunSettings;
use crate::once::Once;
use crate::reason::{Gate, Reason};
use crate::usage::{Flag, RuleFlags};

/// Rules, with the providers and conditions that they refer to by function name.
///
/// What a provider (`P`) and a condition (`C`) are is up to the caller: a closure, a name,
/// a handle. They are handed back, never called.
///
/// Make one for each run: whether the run has reached its
/// [first call to run](RunSettings::with_from), and which rules had an effect, is its state.
#[derive(Debug)]
pub struct Bypass<P, C> {
    config: Arc<Config>,
    active: bool,
    entries: HashMap<String, Entry<P, C>>,
    pub(crate) settings: RunSettings,
    pub(crate) from_reached: Flag,
    pub(crate) rerun_used: Flag,
    noticed: Once,
}

/// All that hangs on one name, so that a decision looks it up once.
#[derive(Debug)]
pub(crate) struct Entry<P, C> {
    pub(crate) bypass: Option<Listed<BypassRule>>,
    pub(crate) cache: Option<Listed<CacheRule>>,
    pub(crate) provider: Option<Provider<P>>,
    pub(crate) condition: Option<Condition<C>>,
}

/// A rule, and what calls met of it.
#[derive(Debug)]
pub(crate) struct Listed<R> {
    pub(crate) rule: R,
    pub(crate) flags: RuleFlags,
}

#[derive(Debug)]
pub(crate) struct Provider<P> {
    pub(crate) value: P,
    /// Whether it serves what an earlier run has computed.
    pub(crate) replays: bool,
    pub(crate) used: Flag,
}

#[derive(Debug)]
pub(crate) struct Condition<C> {
    pub(crate) value: C,
    pub(crate) asked: Flag,
}

// A derived impl would ask for `P: Default`.
impl<P, C> Default for Entry<P, C> {
    fn default() -> Self {
        Self { bypass: None, cache: None, provider: None, condition: None }
    }
}

impl<T: Clone> Listed<Rule<T>> {
    fn new(rule: &Rule<T>) -> Self {
        let patterns = rule.tags().map_or(0, |tags| tags.patterns().len());
        Self { rule: rule.clone(), flags: RuleFlags::new(patterns) }
    }
}

impl<P, C> Bypass<P, C> {
    /// Rules without any provider or condition yet, for a run in which the rules decide.
    pub fn new(config: Arc<Config>) -> Self {
        Self::with_settings(config, RunSettings::default())
    }

    /// Rules without any provider or condition yet, for a run with these settings.
    pub fn with_settings(config: Arc<Config>, settings: RunSettings) -> Self {
        let active = config.bypass_rules().any(|(_, rule)| rule.enabled());
        let mut entries = HashMap::<String, Entry<P, C>>::default();
        for (name, rule) in config.bypass_rules() {
            entries.entry(name.to_owned()).or_default().bypass = Some(Listed::new(rule));
        }
        for (name, rule) in config.cache_rules() {
            entries.entry(name.to_owned()).or_default().cache = Some(Listed::new(rule));
        }
        let (from_reached, rerun_used) = (Flag::default(), Flag::default());
        Self {
            config,
            active,
            entries,
            settings,
            from_reached,
            rerun_used,
            noticed: Once::default(),
        }
    }

    /// The rules.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// How this run treats the rules.
    pub fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// Whether any `bypass:` rule is on. If not, every call runs.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Registers the provider of a function (`method` or `Type.method`), and returns the one
    /// that it replaces.
    pub fn set_provider(&mut self, function: impl Into<String>, provider: P) -> Option<P> {
        self.set(function.into(), provider, false)
    }

    /// Registers a provider that serves what an earlier run has computed. Unlike the
    /// calls of other providers, its calls run again when the [settings](RunSettings) of the
    /// run, or [`decide_fresh`](Self::decide_fresh), ask for it.
    pub fn set_replay(&mut self, function: impl Into<String>, provider: P) -> Option<P> {
        self.set(function.into(), provider, true)
    }

    fn set(&mut self, function: String, value: P, replays: bool) -> Option<P> {
        let provider = Provider { value, replays, used: Flag::default() };
        let slot = &mut self.entries.entry(function).or_default().provider;
        slot.replace(provider).map(|replaced| replaced.value)
    }

    /// Removes the provider of a function.
    pub fn remove_provider(&mut self, function: &str) -> Option<P> {
        self.entries.get_mut(function)?.provider.take().map(|removed| removed.value)
    }

    /// Registers the condition of a function (`method` or `Type.method`), and returns the one
    /// that it replaces.
    pub fn set_condition(&mut self, function: impl Into<String>, condition: C) -> Option<C> {
        let condition = Condition { value: condition, asked: Flag::default() };
        let slot = &mut self.entries.entry(function.into()).or_default().condition;
        slot.replace(condition).map(|replaced| replaced.value)
    }

    /// Removes the condition of a function.
    pub fn remove_condition(&mut self, function: &str) -> Option<C> {
        self.entries.get_mut(function)?.condition.take().map(|removed| removed.value)
    }

    /// Whether a call has been decided whose tag is the first to run
    /// ([`RunSettings::with_from`]).
    pub fn from_reached(&self) -> bool {
        self.from_reached.get()
    }

    /// Records that the first call to run was decided elsewhere: by the driver, for a worker
    /// that decides nested calls.
    pub fn set_from_reached(&self) {
        self.from_reached.set();
    }

    /// Whether the user should be warned of `reason` now: true the first time that a
    /// function is bypassed with nothing to replace it, false ever after and for every
    /// other reason.
    pub fn first_notice(&self, reason: &Reason<'_>) -> bool {
        reason.gate() == Gate::NoReplacement
            && reason.overridden().is_none()
            && self.noticed.first(reason.function())
    }

    /// The entries of `Type.method` and of `method`.
    pub(crate) fn look_up(&self, function: &str) -> Found<'_, P, C> {
        let bare = bare_name(function).and_then(|name| self.entries.get(name));
        Found([self.entries.get(function), bare])
    }

    /// The entry of exactly this name.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry<P, C>> {
        self.entries.get(name)
    }

    /// Every entry with its name, in no particular order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry<P, C>)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }
}

/// The entries under the two names of a function: the full one counts first.
pub(crate) struct Found<'m, P, C>([Option<&'m Entry<P, C>>; 2]);

impl<'m, P, C> Found<'m, P, C> {
    pub(crate) fn part<T>(&self, part: impl Fn(&'m Entry<P, C>) -> Option<&'m T>) -> Option<&'m T> {
        let [exact, bare] = self.0;
        exact.and_then(&part).or_else(|| bare.and_then(&part))
    }
}
