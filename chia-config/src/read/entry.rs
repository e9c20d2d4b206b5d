//! One function's entry: a boolean, or a mapping of options.

use super::*;
use crate::Location;
use crate::names::nearest;
use crate::rule::{BypassDetails, CacheDetails};
use crate::yaml::Entry;
use crate::{Rule, keys};

/// How the two sections differ.
pub(super) trait Shape: Sized + Default {
    /// The section's name, which is its flag's name too.
    const FLAG: &'static str;
    const KEYS: &'static [&'static str];
    /// Reads one of the options that only this section has.
    fn option(&mut self, reader: &mut Reader<'_>, option: &Entry);
    /// Reports options that contradict each other.
    fn check(&self, reader: &mut Reader<'_>, options: &[Entry]);
}

impl Shape for BypassDetails {
    const FLAG: &'static str = "bypass";
    const KEYS: &'static [&'static str] = keys::BYPASS;

    fn option(&mut self, reader: &mut Reader<'_>, option: &Entry) {
        match option.name.as_str() {
            "data" => self.data = reader.data(option),
            "check" => self.check = reader.check(option),
            "ignore" => self.ignore = reader.ignore(option),
            "rehearse" => self.rehearsal = reader.rehearse(option),
            _ => {}
        }
    }

    fn check(&self, reader: &mut Reader<'_>, options: &[Entry]) {
        let data = options.iter().find(|option| option.name == "data");
        if let (Some(_), Some(data)) = (&self.rehearsal, data) {
            let help = "a rehearsal serves the cached value: remove one of the two";
            reader.error(&data.key, "`data` and `rehearse` exclude each other", Some(help.into()));
        }
    }
}

impl Shape for CacheDetails {
    const FLAG: &'static str = "cache";
    const KEYS: &'static [&'static str] = keys::CACHE;

    fn option(&mut self, reader: &mut Reader<'_>, option: &Entry) {
        match option.name.as_str() {
            "tag" => self.auto_tag = reader.auto_tag(option),
            "ignore" => self.ignore = reader.ignore(option),
            _ => {}
        }
    }

    fn check(&self, reader: &mut Reader<'_>, options: &[Entry]) {
        let tags = options.iter().find(|option| option.name == "tags");
        if let (true, Some(tags)) = (self.auto_tag, tags) {
            let message = "`tags` and `tag: auto` exclude each other";
            let help = "a tag made from arguments matches no pattern: remove one of the two";
            reader.error(&tags.key, message, Some(help.into()));
        }
    }
}

impl Reader<'_> {
    /// The rule of one entry; `None` if something in it is wrong, which is then reported.
    pub(super) fn entry<S: Shape>(&mut self, entry: &Entry) -> Option<Rule<S>> {
        let location = self.source.location(entry.key.span);
        if let Kind::Mapping(pairs) = &entry.value.kind {
            self.options::<S>(entry, pairs, location)
        } else if let Some(flag) = entry.value.as_bool() {
            Some(Rule::new(flag, None, location, S::default()))
        } else {
            let found = entry.value.describe();
            let message =
                format!("expected `true`, `false` or options for `{}`, found {found}", entry.name);
            let help = unquoted_bool(&entry.value)
                .unwrap_or_else(|| format!("write `{}: true` to switch it on", entry.name));
            self.error(&entry.value, message, Some(help));
            None
        }
    }

    fn options<S: Shape>(
        &mut self,
        entry: &Entry,
        pairs: &[(Rc<Node>, Rc<Node>)],
        location: Location,
    ) -> Option<Rule<S>> {
        let (mut enabled, mut tags, mut details) = (false, None, S::default());
        let before = self.problems.len();
        let found = self.merger.entries(pairs, &mut self.problems);
        self.unnamed(&found.unnamed, "an option's name");
        for duplicate in &found.duplicates {
            let message = format!("a second `{}` in the rule for `{}`", duplicate.name, entry.name);
            self.error(&duplicate.key, message, None);
        }
        for option in &found.entries {
            match option.name.as_str() {
                flag if flag == S::FLAG => enabled = self.flag(option) == Some(true),
                "tags" => tags = self.tags(option),
                key if S::KEYS.contains(&key) => details.option(self, option),
                _ => self.unknown_option::<S>(entry, option),
            }
        }
        details.check(self, &found.entries);
        if self.problems.len() > before {
            return None;
        }
        if enabled {
            self.warn_ineffective(entry, &found.entries);
        } else {
            self.warn_off::<S>(entry, &found.entries);
        }
        Some(Rule::new(enabled, tags, location, details))
    }

    fn flag(&mut self, option: &Entry) -> Option<bool> {
        let flag = option.value.as_bool();
        if flag.is_none() {
            let found = option.value.describe();
            let message =
                format!("expected `true` or `false` for `{}`, found {found}", option.name);
            self.error(&option.value, message, unquoted_bool(&option.value));
        }
        flag
    }

    fn unknown_option<S: Shape>(&mut self, entry: &Entry, option: &Entry) {
        let message = format!(
            "unknown option `{}` in the `{}:` rule for `{}`",
            option.name,
            S::FLAG,
            entry.name
        );
        let other = keys::OPTIONS.iter().find(|(_, keys)| keys.contains(&option.name.as_str()));
        let help = match (nearest(&option.name, S::KEYS.iter().copied()), other) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some((section, _))) => format!("it is an option of `{section}:` rules"),
            (None, None) => format!("the options are {}", listed(S::KEYS)),
        };
        self.error(&option.key, message, Some(help));
    }

    /// Options on a rule that is off do nothing, which is rarely meant.
    fn warn_off<S: Shape>(&mut self, entry: &Entry, options: &[Entry]) {
        let Some(idle) = options.iter().find(|option| option.name != S::FLAG) else {
            return;
        };
        let message = format!(
            "`{}` has no effect: the `{}:` rule for `{}` is off",
            idle.name,
            S::FLAG,
            entry.name
        );
        let help = format!("write `{}: true` to switch it on", S::FLAG);
        self.warn(&idle.key, message, Some(help));
    }
}

pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The hint for `"true"`, which is a string.
fn unquoted_bool(value: &Node) -> Option<String> {
    let text = value.as_str()?;
    let word = nearest(text, ["true", "false", "yes", "no", "on", "off"])?;
    Some(match word == text {
        true => format!("without the quotes, `{text}` is a boolean"),
        false => format!("did you mean `{word}`?"),
    })
}
