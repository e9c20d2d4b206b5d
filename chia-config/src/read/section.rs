//! The file's top level, and the two sections that are ours.

use super::entry::Shape;
use super::*;
use crate::Rule;
use crate::keys::OPTIONS;
use crate::names::nearest;

impl Reader<'_> {
    pub(super) fn top(&mut self, root: &Node, config: &mut Config) {
        let Kind::Mapping(pairs) = &root.kind else {
            if !root.is_null() {
                let message =
                    format!("expected sections such as `bypass:`, found {}", root.describe());
                self.error(root, message, None);
            }
            return;
        };
        let found = self.merger.entries(pairs, &mut self.problems);
        let sections = OPTIONS.map(|(section, _)| section);
        for duplicate in found.duplicates.iter().filter(|e| sections.contains(&e.name.as_str())) {
            let message = format!("a second `{}:` section", duplicate.name);
            self.error(&duplicate.key, message, Some("move its rules to the first one".into()));
        }
        for entry in &found.entries {
            match entry.name.as_str() {
                "bypass" => config.bypass = self.section(&entry.value),
                "cache" => config.cache = self.section(&entry.value),
                other => {
                    if let Some(near) = nearest(other, sections) {
                        let message = format!("the section `{other}` is not read");
                        self.warn(&entry.key, message, Some(format!("did you mean `{near}`?")));
                    }
                }
            }
        }
    }

    fn section<S: Shape>(&mut self, section: &Rc<Node>) -> HashMap<String, Rule<S>> {
        let pairs = match &section.kind {
            Kind::Mapping(pairs) => pairs,
            _ if section.is_null() => return HashMap::new(),
            _ => {
                let found = section.describe();
                let message =
                    format!("expected functions and their rules in `{}:`, found {found}", S::FLAG);
                self.error(section, message, Some("write a line `function_name: true`".into()));
                return HashMap::new();
            }
        };
        let found = self.merger.entries(pairs, &mut self.problems);
        self.unnamed(&found.unnamed, "a function's name");
        for duplicate in &found.duplicates {
            let message = format!("a second `{}:` rule for `{}`", S::FLAG, duplicate.name);
            self.error(&duplicate.key, message, Some("join the two rules".into()));
        }
        let rules = found
            .entries
            .iter()
            .filter_map(|entry| Some((entry.name.clone(), self.entry::<S>(entry)?)));
        rules.collect()
    }

    pub(super) fn unnamed(&mut self, keys: &[Rc<Node>], expected: &str) {
        for key in keys {
            let message = format!("expected {expected}, found {}", key.describe());
            self.error(key, message, None);
        }
    }
}
