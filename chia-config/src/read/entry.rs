//! One function's entry: a boolean, or a mapping of options.

use std::path::PathBuf;

use super::*;
use crate::names::nearest;
use crate::yaml::Entry;
use crate::{BypassRule, CacheRule, Location};

/// What the options of an entry came to.
pub(super) struct Options {
    enabled: bool,
    tags: Option<TagPatterns>,
    data: Option<PathBuf>,
    location: Location,
}

/// How the two sections differ.
pub(super) trait Shape {
    type Rule;
    /// The section's name, which is its flag's name too.
    const FLAG: &'static str;
    const KEYS: &'static [&'static str];
    fn rule(options: Options) -> Self::Rule;
}

pub(super) enum BypassShape {}

impl Shape for BypassShape {
    type Rule = BypassRule;
    const FLAG: &'static str = "bypass";
    const KEYS: &'static [&'static str] = &["bypass", "tags", "data"];

    fn rule(options: Options) -> BypassRule {
        let rule = BypassRule::new(options.enabled, options.tags, options.location);
        match options.data {
            Some(data) => rule.with_data(data),
            None => rule,
        }
    }
}

pub(super) enum CacheShape {}

impl Shape for CacheShape {
    type Rule = CacheRule;
    const FLAG: &'static str = "cache";
    const KEYS: &'static [&'static str] = &["cache", "tags"];

    fn rule(options: Options) -> CacheRule {
        CacheRule::new(options.enabled, options.tags, options.location)
    }
}

impl Reader<'_> {
    /// The rule of one entry; `None` if something in it is wrong, which is then reported.
    pub(super) fn entry<S: Shape>(&mut self, entry: &Entry) -> Option<S::Rule> {
        let mut options = Options {
            enabled: false,
            tags: None,
            data: None,
            location: self.source.location(entry.key.span),
        };
        if let Kind::Mapping(pairs) = &entry.value.kind {
            self.options::<S>(entry, pairs, &mut options)?;
        } else if let Some(flag) = entry.value.as_bool() {
            options.enabled = flag;
        } else {
            let found = entry.value.describe();
            let message =
                format!("expected `true`, `false` or options for `{}`, found {found}", entry.name);
            let help = unquoted_bool(&entry.value)
                .unwrap_or_else(|| format!("write `{}: true` to switch it on", entry.name));
            self.error(&entry.value, message, Some(help));
            return None;
        }
        Some(S::rule(options))
    }

    fn options<S: Shape>(
        &mut self,
        entry: &Entry,
        pairs: &[(Rc<Node>, Rc<Node>)],
        options: &mut Options,
    ) -> Option<()> {
        let before = self.problems.len();
        let found = self.merger.entries(pairs, &mut self.problems);
        self.unnamed(&found.unnamed, "an option's name");
        for twice in &found.duplicates {
            let message = format!("a second `{}` in the rule for `{}`", twice.name, entry.name);
            self.error(&twice.key, message, None);
        }
        for option in &found.entries {
            match option.name.as_str() {
                flag if flag == S::FLAG => options.enabled = self.flag(option) == Some(true),
                "tags" => options.tags = self.tags(option),
                "data" if S::KEYS.contains(&"data") => options.data = self.data(option),
                _ => self.unknown_option::<S>(entry, option),
            }
        }
        if !options.enabled && self.problems.len() == before {
            self.warn_off::<S>(entry, &found.entries);
        }
        (self.problems.len() == before).then_some(())
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

    fn data(&mut self, option: &Entry) -> Option<PathBuf> {
        match option.value.as_str() {
            Some(path) if !path.is_empty() => Some(self.base_dir.join(path)),
            _ => {
                let message =
                    format!("expected a path for `data`, found {}", option.value.describe());
                let help = option.value.is_null().then(|| "remove the key to serve no file".into());
                self.error(&option.value, message, help);
                None
            }
        }
    }

    fn unknown_option<S: Shape>(&mut self, entry: &Entry, option: &Entry) {
        let message = format!(
            "unknown option `{}` in the `{}:` rule for `{}`",
            option.name,
            S::FLAG,
            entry.name
        );
        let help = match nearest(&option.name, S::KEYS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the options are {}", listed(S::KEYS)),
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

fn listed(names: &[&str]) -> String {
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
