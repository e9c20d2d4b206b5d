//! The values of single options.

use std::path::PathBuf;

use super::entry::listed;
use super::*;
use crate::names::nearest;
use crate::yaml::Entry;
use crate::{Argument, ArgumentKey, Check, keys};

impl Reader<'_> {
    pub(super) fn data(&mut self, option: &Entry) -> Option<PathBuf> {
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

    /// `true`, `false`, one fact, or a list of facts.
    pub(super) fn check(&mut self, option: &Entry) -> Option<Check> {
        match option.value.as_bool() {
            Some(true) => return Some(Check::EVERYTHING),
            Some(false) => return Some(Check::NOTHING),
            None => {}
        }
        let mut check = Check::NOTHING;
        for item in option.value.items() {
            match item.as_str() {
                Some("arguments") => check.arguments = true,
                Some("version") => check.version = true,
                Some("code") => check.code = true,
                _ => self.unknown_fact(item),
            }
        }
        Some(check)
    }

    fn unknown_fact(&mut self, item: &Node) {
        let message = format!(
            "expected `true`, `false` or facts to compare in `check`, found {}",
            item.describe()
        );
        let near = item.as_str().and_then(|text| nearest(text, keys::CHECK.iter().copied()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the facts are {}", listed(keys::CHECK)),
        };
        self.error(item, message, Some(help));
    }

    /// Names and positions of parameters: one, or a list of them.
    pub(super) fn ignore(&mut self, option: &Entry) -> Vec<Argument> {
        let mut arguments = Vec::new();
        for item in option.value.items() {
            let key = match (item.as_str(), item.as_position()) {
                (Some(name), _) if !name.is_empty() => ArgumentKey::Name(name.to_owned()),
                (_, Some(position)) => ArgumentKey::Position(position),
                _ => {
                    let message = format!(
                        "expected a parameter's name or position in `ignore`, found {}",
                        item.describe()
                    );
                    self.error(item, message, Some("positions count from 1".into()));
                    continue;
                }
            };
            arguments.push(Argument::new(key, self.source.location(item.span)));
        }
        arguments
    }

    pub(super) fn auto_tag(&mut self, option: &Entry) -> bool {
        let auto = option.value.as_str() == Some("auto");
        if !auto {
            let found = option.value.describe();
            let message = format!("expected `auto` for `tag`, found {found}");
            self.error(&option.value, message, Some("patterns go under `tags`".into()));
        }
        auto
    }

    /// Warns about options of a rule that is on, where they have no effect.
    pub(super) fn warn_ineffective(&mut self, entry: &Entry, options: &[Entry]) {
        for option in options {
            match (option.name.as_str(), &option.value.kind) {
                ("tags", Kind::Sequence(items)) if items.is_empty() => {
                    let message =
                        format!("the rule for `{}` matches no call: `tags` is empty", entry.name);
                    let help = "remove the key to match every call";
                    self.warn(&option.value, message, Some(help.into()));
                }
                ("data", Kind::Scalar { text, .. }) if self.looks_at_files => {
                    let path = self.base_dir.join(text);
                    if !path.is_file() {
                        let message = format!("there is no file `{}`", path.display());
                        let help = "a call that needs it fails: record it first, or mend the path";
                        self.warn(&option.value, message, Some(help.into()));
                    }
                }
                _ => {}
            }
        }
    }
}
