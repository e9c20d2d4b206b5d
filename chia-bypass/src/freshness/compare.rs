//! A call's fingerprint against a recorded one.

use std::fmt;

use chia_config::{Argument, BypassRule, Check, Config};
use serde::{Deserialize, Serialize};

use super::{ArgumentPrint, Difference, Fingerprint};

/// What of a call is compared, and which differences forbid a replay.
///
/// ```
/// use chia_bypass::{ArgumentPrint, Comparison, Fingerprint, Freshness};
/// use chia_config::Check;
///
/// let call = |seed: &str| {
///     let seed = ArgumentPrint::of(seed.as_bytes()).named("seed").with_value(seed);
///     Fingerprint { arguments: vec![seed], ..Fingerprint::default() }
/// };
/// let comparison = Comparison::new(Check::EVERYTHING, []);
/// let freshness = comparison.compare(Some(&call("3")), &call("4"));
/// assert_eq!(freshness.to_string(), "argument 1 `seed` was 3, is 4");
/// assert!(comparison.forbids(&freshness));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    check: Check,
    ignored: Vec<Argument>,
}

/// Whether a recorded result answers a call.
///
/// `Display` names what differs, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Every fact that is compared is as it was recorded.
    Same,
    /// These facts differ; there is at least one.
    Stale(Vec<Difference>),
    /// The record has no fingerprint.
    Unknown,
}

impl Comparison {
    /// A comparison that leaves `ignored` arguments out, and forbids a replay when a fact of
    /// `check` differs.
    pub fn new<'a>(check: Check, ignored: impl IntoIterator<Item = &'a Argument>) -> Self {
        Self { check, ignored: ignored.into_iter().cloned().collect() }
    }

    /// The comparison that the rules of a function ask for. Where its bypass rule states no `check`,
    /// everything is checked if `check_by_default`, else nothing.
    pub fn of_rules(config: &Config, function: &str, check_by_default: bool) -> Self {
        let default = if check_by_default { Check::EVERYTHING } else { Check::NOTHING };
        let check = config.bypass(function).and_then(BypassRule::check).unwrap_or(default);
        Self::new(check, config.ignored(function))
    }

    /// Compares a call with the record of a result.
    ///
    /// Arguments are paired by name where both sides know the name, else by position. Source
    /// code is compared where both sides have it; with `check: code`, a record without it
    /// differs.
    pub fn compare(&self, recorded: Option<&Fingerprint>, call: &Fingerprint) -> Freshness {
        let Some(recorded) = recorded else {
            return Freshness::Unknown;
        };
        let mut differences = self.arguments(&recorded.arguments, &call.arguments);
        if recorded.version != call.version {
            let (was, is) = (recorded.version.clone(), call.version.clone());
            differences.push(Difference::Version { was, is });
        }
        if let Some(is) = call.code
            && recorded.code != Some(is)
            && (self.check.code || recorded.code.is_some())
        {
            differences.push(Difference::Code { was: recorded.code, is });
        }
        match differences.is_empty() {
            true => Freshness::Same,
            false => Freshness::Stale(differences),
        }
    }

    /// Whether the call must run although there is a recorded result: a fact of `check`
    /// differs, or there is a `check` and the record has no fingerprint.
    pub fn forbids(&self, freshness: &Freshness) -> bool {
        match freshness {
            Freshness::Same => false,
            Freshness::Stale(differences) => differences.iter().any(|d| self.checks(d)),
            Freshness::Unknown => self.check != Check::NOTHING,
        }
    }

    fn checks(&self, difference: &Difference) -> bool {
        match difference {
            Difference::Argument { .. }
            | Difference::NewArgument { .. }
            | Difference::LostArgument { .. } => self.check.arguments,
            Difference::Version { .. } => self.check.version,
            Difference::Code { .. } => self.check.code,
        }
    }

    fn arguments(&self, were: &[ArgumentPrint], are: &[ArgumentPrint]) -> Vec<Difference> {
        let pairs = pair(were, are);
        let mut differences = Vec::new();
        for (index, (is, paired)) in are.iter().zip(&pairs).enumerate() {
            let position = index + 1;
            let difference = match paired.map(|paired| &were[paired]) {
                Some(was) if was.hash == is.hash && was.len == is.len => continue,
                Some(was) => Difference::Argument { position, was: was.clone(), is: is.clone() },
                None => Difference::NewArgument { position, is: is.clone() },
            };
            if !self.ignores(position, is.name.as_deref()) {
                differences.push(difference);
            }
        }
        for (index, was) in were.iter().enumerate() {
            let (position, lost) = (index + 1, !pairs.contains(&Some(index)));
            if lost && !self.ignores(position, was.name.as_deref()) {
                differences.push(Difference::LostArgument { position, was: was.clone() });
            }
        }
        differences
    }

    fn ignores(&self, position: usize, name: Option<&str>) -> bool {
        self.ignored.iter().any(|argument| argument.is(position, name))
    }
}

/// For each argument of the call, the index of the recorded one that it is compared with.
fn pair(were: &[ArgumentPrint], are: &[ArgumentPrint]) -> Vec<Option<usize>> {
    let by_name = |is: &ArgumentPrint| {
        is.name
            .as_ref()
            .and_then(|name| were.iter().position(|was| was.name.as_ref() == Some(name)))
    };
    let named: Vec<_> = are.iter().map(by_name).collect();
    let by_position = |(index, paired): (usize, &Option<usize>)| {
        let free = index < were.len() && !named.contains(&Some(index));
        paired.or(free.then_some(index))
    };
    named.iter().enumerate().map(by_position).collect()
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("nothing differs"),
            Self::Unknown => f.write_str("the recorded result has no fingerprint"),
            Self::Stale(differences) => {
                for (index, difference) in differences.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    write!(f, "{separator}{difference}")?;
                }
                Ok(())
            }
        }
    }
}
