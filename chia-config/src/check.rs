//! Names in the rules against the functions that there are.

use std::collections::BTreeSet;

use crate::names::nearest;
use crate::report::{Diagnostic, Severity};
use crate::{Config, Location, bare_name};

pub(crate) fn names<'a>(
    config: &Config,
    registered: impl IntoIterator<Item = &'a str>,
) -> Vec<Diagnostic> {
    let mut known = BTreeSet::new();
    for name in registered {
        known.extend([name].into_iter().chain(bare_name(name)));
    }
    let bypass = config.bypass_rules().map(|(name, rule)| (name, rule.location()));
    let cache = config.cache_rules().map(|(name, rule)| (name, rule.location()));
    let mut unknown: Vec<_> =
        bypass.chain(cache).filter(|(name, _)| !known.contains(name)).collect();
    unknown.sort_by_key(|(_, at)| (at.file(), at.line(), at.column()));
    unknown.into_iter().map(|(name, location)| warning(config, name, location, &known)).collect()
}

fn warning(config: &Config, name: &str, location: &Location, known: &BTreeSet<&str>) -> Diagnostic {
    let message = format!("no registered function is called `{name}`");
    let help = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    let len = name.chars().count();
    let snippet = config.source.as_ref().and_then(|source| source.snippet_at(location, len));
    Diagnostic::new(Severity::Warning, message, location.clone())
        .with_snippet(snippet)
        .with_help(help)
}
