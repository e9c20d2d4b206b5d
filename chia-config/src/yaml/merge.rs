//! The entries of a mapping, with merge keys (`<<: *common`) resolved.
//!
//! Source: <https://yaml.org/type/merge.html>: a mapping's own keys win over merged ones,
//! and an earlier merged mapping wins over a later one.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::node::{Kind, Node};
use crate::report::{Diagnostic, Source};

/// Merges may copy this many entries in all, so that aliases of aliases stay cheap.
const MAX_MERGED: usize = 100_000;

/// One key and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) key: Rc<Node>,
    pub(crate) value: Rc<Node>,
}

/// The entries of a mapping.
#[derive(Default)]
pub(crate) struct Entries {
    /// The first entry under each name: the mapping's own, then merged ones.
    pub(crate) entries: Vec<Entry>,
    /// Further entries of the mapping's own under a name that it has already.
    pub(crate) duplicates: Vec<Entry>,
    /// Keys that are not names: collections, and nothing at all.
    pub(crate) unnamed: Vec<Rc<Node>>,
}

/// Resolves mappings.
pub(crate) struct Merger<'s> {
    source: &'s Arc<Source>,
    merged: usize,
    exhausted: bool,
}

impl<'s> Merger<'s> {
    pub(crate) fn new(source: &'s Arc<Source>) -> Self {
        Self { source, merged: 0, exhausted: false }
    }

    /// The entries of `pairs`. Only what is wrong with a merge goes to `problems`.
    pub(crate) fn entries(
        &mut self,
        pairs: &[(Rc<Node>, Rc<Node>)],
        problems: &mut Vec<Diagnostic>,
    ) -> Entries {
        let mut found = Entries::default();
        let mut seen = HashSet::new();
        let (merges, own): (Vec<_>, Vec<_>) = pairs.iter().partition(|(key, _)| is_merge(key));
        for (key, value) in own {
            match key.key() {
                None => found.unnamed.push(Rc::clone(key)),
                Some(name) if seen.insert(name.to_owned()) => {
                    found.entries.push(entry(name, key, value));
                }
                Some(name) => found.duplicates.push(entry(name, key, value)),
            }
        }
        for (_, value) in merges {
            self.merge(value, &mut found.entries, &mut seen, problems);
        }
        found
    }

    fn merge(
        &mut self,
        value: &Rc<Node>,
        entries: &mut Vec<Entry>,
        seen: &mut HashSet<String>,
        problems: &mut Vec<Diagnostic>,
    ) {
        if self.is_exhausted(value, problems) {
            return;
        }
        match &value.kind {
            Kind::Sequence(items) => {
                for item in items {
                    self.merge(item, entries, seen, problems);
                }
            }
            Kind::Mapping(pairs) => {
                let (merges, own): (Vec<_>, Vec<_>) = pairs.iter().partition(|(k, _)| is_merge(k));
                for (key, inner) in own {
                    if self.is_exhausted(key, problems) {
                        return;
                    }
                    if let Some(name) = key.key()
                        && seen.insert(name.to_owned())
                    {
                        entries.push(entry(name, key, inner));
                    }
                }
                for (_, inner) in merges {
                    self.merge(inner, entries, seen, problems);
                }
            }
            Kind::Scalar { .. } => {
                let message = format!("`<<` merges mappings, found {}", value.describe());
                problems.push(self.source.error(value.span, message));
            }
        }
    }

    fn is_exhausted(&mut self, at: &Node, problems: &mut Vec<Diagnostic>) -> bool {
        self.merged += 1;
        if self.merged > MAX_MERGED && !self.exhausted {
            self.exhausted = true;
            let message = format!("merge keys expand to more than {MAX_MERGED} entries");
            problems.push(self.source.error(at.span, message));
        }
        self.exhausted
    }
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar { text, value } if text == "<<"
        && *value == super::scalar::Value::Text { quoted: false })
}

fn entry(name: &str, key: &Rc<Node>, value: &Rc<Node>) -> Entry {
    Entry { name: name.to_owned(), key: Rc::clone(key), value: Rc::clone(value) }
}
