//! What had no effect in a run.

use std::fmt;

use chia_config::{Location, Pattern, Rule, bare_name};
use serde::{Deserialize, Serialize};

use crate::bypass::{Bypass, Entry, Listed};
use crate::usage::{Part, RuleFlags, Usage};
use crate::{Mode, Section};

/// One part of the rules that had no effect in a run, and what to do about it.
///
/// `Display` is one line for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unused {
    /// The part.
    pub part: Part,
    /// What it is and why it had no effect, for people.
    pub message: String,
    /// Where it was written, if it was written in rules.
    pub location: Option<Location>,
    /// What may be wrong, if it is known.
    pub hint: Option<String>,
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(location) = &self.location {
            write!(f, " ({location})")?;
        }
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl<P, C> Bypass<P, C> {
    /// The parts of the rules that had an effect so far, in this process and in those whose
    /// usage was added.
    pub fn usage(&self) -> Usage {
        let mut parts: Vec<Part> = Vec::new();
        for (name, entry) in self.entries() {
            let all = parts_of(name, entry).into_iter();
            parts.extend(all.filter(|(_, used)| *used).map(|(part, _)| part));
        }
        parts.extend(self.rerun_used.get().then_some(Part::Rerun));
        parts.extend(self.from_reached().then_some(Part::From));
        Usage(parts.into_iter().collect())
    }

    /// Adds what had an effect in another process with the same rules. Parts that these rules do
    /// not have are ignored.
    pub fn add_usage(&self, usage: &Usage) {
        for part in &usage.0 {
            self.add_part(part);
        }
    }

    fn add_part(&self, part: &Part) -> Option<()> {
        let flags = |section: &Section, name: &str| -> Option<&RuleFlags> {
            let entry = self.entry(name)?;
            Some(match section {
                Section::Bypass => &entry.bypass.as_ref()?.flags,
                Section::Cache => &entry.cache.as_ref()?.flags,
            })
        };
        match part {
            Part::Rule(section, name) => flags(section, name)?.met.set(),
            Part::Pattern(section, name, n) => flags(section, name)?.patterns.get(*n)?.set(),
            Part::Data(name) | Part::Rehearsal(name) => {
                flags(&Section::Bypass, name)?.replaced.set();
            }
            Part::Provider(name) => self.entry(name)?.provider.as_ref()?.used.set(),
            Part::Condition(name) => self.entry(name)?.condition.as_ref()?.asked.set(),
            Part::Rerun => self.rerun_used.set(),
            Part::From => self.from_reached.set(),
        }
        Some(())
    }

    /// What had no effect so far: rules that are on and that no call met, patterns that were
    /// never the first to match, `data:` files, providers and conditions that were never used.
    /// In order of their places. Empty in mode `off`, where nothing is meant to have an effect;
    /// in mode `record`, replacements and conditions are left out.
    pub fn unused(&self) -> Vec<Unused> {
        if self.settings.mode() == Mode::Off {
            return Vec::new();
        }
        let replaces = self.settings.mode() != Mode::Record;
        let mut unused: Vec<_> = self
            .entries()
            .flat_map(|(name, entry)| parts_of(name, entry).into_iter().map(move |p| (entry, p)))
            .filter(|(entry, (part, used))| !used && may_have_effect(part, entry, replaces))
            .map(|(entry, (part, _))| self.describe(part, entry))
            .collect();
        unused.extend(self.unused_settings());
        unused.sort_by(|a, b| {
            let key = |unused: &Unused| {
                let place = unused.location.as_ref();
                (place.is_none(), place.map(|at| (at.file().to_owned(), at.line(), at.column())))
            };
            key(a).cmp(&key(b)).then_with(|| a.part.cmp(&b.part))
        });
        unused
    }

    fn unused_settings(&self) -> impl Iterator<Item = Unused> {
        let rerun = self.settings.rerun().filter(|_| !self.rerun_used.get());
        let from = self.settings.from().filter(|_| !self.from_reached());
        let rerun = rerun.map(|tags| (tags, Part::Rerun, "no call that would be replayed"));
        let from = from.map(|tags| (tags, Part::From, "no call"));
        rerun.into_iter().chain(from).map(|(tags, part, whom)| {
            let what = if part == Part::Rerun { "to run again" } else { "to start from" };
            let pattern = tags.patterns().first();
            let text = pattern.map_or("", Pattern::text);
            let message = format!("the tag {what}, `{text}`, matched {whom}");
            Unused { part, message, location: pattern.map(|p| p.location().clone()), hint: None }
        })
    }
}

impl<P, C> Bypass<P, C> {
    fn describe(&self, part: Part, entry: &Entry<P, C>) -> Unused {
        let (message, location, hint) = match &part {
            Part::Rule(section, name) => {
                let location = match section {
                    Section::Bypass => entry.bypass.as_ref().map(|l| l.rule.location()),
                    Section::Cache => entry.cache.as_ref().map(|l| l.rule.location()),
                };
                (format!("no call met the `{section}` rule for `{name}`"), location.cloned(), None)
            }
            Part::Pattern(section, name, index) => {
                let (location, text, hint) = match section {
                    Section::Bypass => pattern_of(entry.bypass.as_ref(), *index),
                    Section::Cache => pattern_of(entry.cache.as_ref(), *index),
                };
                let message =
                    format!("the pattern `{text}` for `{name}` under `{section}` matched no call");
                (message, location, hint)
            }
            Part::Data(name) | Part::Rehearsal(name) => {
                let what = if matches!(part, Part::Data(_)) { "data file" } else { "rehearsal" };
                let message = format!("the {what} of `{name}` replaced no call");
                (message, entry.bypass.as_ref().map(|l| l.rule.location().clone()), None)
            }
            Part::Provider(name) => {
                (format!("the provider of `{name}` replaced no call"), None, self.no_rule(name))
            }
            Part::Condition(name) => {
                (format!("the condition of `{name}` was never asked"), None, self.no_rule(name))
            }
            Part::Rerun | Part::From => (String::new(), None, None),
        };
        Unused { part, message, location, hint }
    }

    fn no_rule(&self, function: &str) -> Option<String> {
        let same = |name: &str| {
            name == function
                || bare_name(name) == Some(function)
                || bare_name(function) == Some(name)
        };
        let on = self.config().bypass_rules().any(|(name, rule)| rule.enabled() && same(name));
        (!on).then(|| format!("no `bypass:` rule for `{function}` is on"))
    }
}

/// Every part under a name, and whether it had an effect.
fn parts_of<P, C>(name: &str, entry: &Entry<P, C>) -> Vec<(Part, bool)> {
    let mut parts = Vec::new();
    let mut add = |section, flags: &RuleFlags| {
        parts.push((Part::Rule(section, name.into()), flags.met.get()));
        let patterns = flags.patterns.iter().enumerate();
        parts
            .extend(patterns.map(|(n, flag)| (Part::Pattern(section, name.into(), n), flag.get())));
    };
    if let Some(listed) = &entry.bypass {
        add(Section::Bypass, &listed.flags);
    }
    if let Some(listed) = &entry.cache {
        add(Section::Cache, &listed.flags);
    }
    if let Some(listed) = &entry.bypass {
        let data = listed.rule.data().map(|_| Part::Data(name.into()));
        let rehearsal = listed.rule.rehearsal().map(|_| Part::Rehearsal(name.into()));
        let replaced = listed.flags.replaced.get();
        parts.extend(data.into_iter().chain(rehearsal).map(|part| (part, replaced)));
    }
    if let Some(provider) = &entry.provider {
        parts.push((Part::Provider(name.into()), provider.used.get()));
    }
    if let Some(condition) = &entry.condition {
        parts.push((Part::Condition(name.into()), condition.asked.get()));
    }
    parts
}

/// Whether the user expects an effect: rules that are off have none, and the parts of a rule
/// that no call met are not reported beside the rule.
fn may_have_effect<P, C>(part: &Part, entry: &Entry<P, C>, replaces: bool) -> bool {
    let on = |listed: bool, met: bool, is_rule: bool| listed && (met || is_rule);
    let bypass = |is_rule| {
        entry.bypass.as_ref().is_some_and(|l| on(l.rule.enabled(), l.flags.met.get(), is_rule))
    };
    match part {
        Part::Rule(Section::Bypass, _) => bypass(true),
        Part::Pattern(Section::Bypass, ..) => bypass(false),
        Part::Rule(Section::Cache, _) => entry.cache.as_ref().is_some_and(|l| l.rule.enabled()),
        Part::Pattern(Section::Cache, ..) => {
            entry.cache.as_ref().is_some_and(|l| on(l.rule.enabled(), l.flags.met.get(), false))
        }
        Part::Data(_) => replaces && bypass(false) && entry.provider.is_none(),
        Part::Rehearsal(_) => replaces && bypass(false),
        Part::Provider(_) | Part::Condition(_) => {
            let unmet =
                entry.bypass.as_ref().is_some_and(|l| l.rule.enabled() && !l.flags.met.get());
            // A rehearsal takes the place of a replay.
            let rehearsed = entry.bypass.as_ref().is_some_and(|l| l.rule.rehearsal().is_some())
                && entry.provider.as_ref().is_some_and(|provider| provider.replays)
                && matches!(part, Part::Provider(_));
            replaces && !unmet && !rehearsed
        }
        Part::Rerun | Part::From => false,
    }
}

/// Where a pattern was written, its text, and a tag that it might have been meant for.
fn pattern_of<T>(
    listed: Option<&Listed<Rule<T>>>,
    index: usize,
) -> (Option<Location>, String, Option<String>) {
    let pattern = listed.and_then(|l| l.rule.tags()).and_then(|tags| tags.patterns().get(index));
    let example = listed.and_then(|l| l.flags.unmatched.get());
    let hint = match example {
        Some(tag) => Some(format!("no pattern matched the tag `{}`", tag.escape_debug())),
        None if index > 0 => Some("an earlier pattern may match all of its tags".to_owned()),
        None => None,
    };
    let location = pattern.map(|pattern| pattern.location().clone());
    (location, pattern.map_or("", Pattern::text).to_owned(), hint)
}
