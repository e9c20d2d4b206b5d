//! Names in the rules against the functions and parameters of the program.

use std::collections::BTreeSet;

use crate::names::nearest;
use crate::report::{Diagnostic, Severity};
use crate::{Argument, ArgumentKey, Config, Location, bare_name};

impl Config {
    /// One warning for each name with a rule that none of the `registered` functions has,
    /// with the nearest name that one has. `Type.method` is known by `method` as well.
    pub fn check_names<'a>(
        &self,
        registered: impl IntoIterator<Item = &'a str>,
    ) -> Vec<Diagnostic> {
        names(self, registered)
    }

    /// One warning for each parameter that the rules of `function` ignore and that it does not
    /// have. `parameters` are the function's own, in order, with their names where they are
    /// known; a rule that names a parameter is not checked against unnamed ones.
    pub fn check_arguments(&self, function: &str, parameters: &[Option<&str>]) -> Vec<Diagnostic> {
        arguments(self, function, parameters)
    }
}

fn names<'a>(config: &Config, registered: impl IntoIterator<Item = &'a str>) -> Vec<Diagnostic> {
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
    located(config, message, location, name.chars().count(), help)
}

fn arguments(config: &Config, function: &str, parameters: &[Option<&str>]) -> Vec<Diagnostic> {
    let unknown = |argument: &&Argument| match argument.key() {
        ArgumentKey::Name(name) => {
            parameters.iter().all(Option::is_some) && !parameters.contains(&Some(name.as_str()))
        }
        ArgumentKey::Position(position) => *position > parameters.len(),
    };
    let warning = |argument: &Argument| {
        let key = argument.key();
        let (what, help) = match key {
            ArgumentKey::Name(name) => {
                let near = nearest(name, parameters.iter().flatten().copied());
                let help = near.map(|near| format!("did you mean `{near}`?"));
                (format!("parameter `{name}`"), help)
            }
            ArgumentKey::Position(position) => (
                format!("parameter {position}"),
                Some(format!("positions go from 1 to {}", parameters.len())),
            ),
        };
        let message = format!("`{function}` has no {what} to ignore");
        let len = key.to_string().chars().count();
        located(config, message, argument.location(), len, help)
    };
    config.ignored(function).filter(unknown).map(warning).collect()
}

fn located(
    config: &Config,
    message: String,
    location: &Location,
    len: usize,
    help: Option<String>,
) -> Diagnostic {
    let warning = Diagnostic::new(Severity::Warning, message, location.clone()).with_help(help);
    match &config.source {
        Some(source) => warning.with_source(source, len),
        None => warning,
    }
}
