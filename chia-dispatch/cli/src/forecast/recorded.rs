//! A recorded call against the result that would answer it.

use chia_cache::Facts;
use chia_config::{BypassRule, Check, Config};
use chia_record::{Call, Fingerprint};

/// A result that would be served.
pub(super) struct Served {
    pub(super) stale: Option<String>,
    pub(super) saved_us: u64,
}

/// A fact that differs.
enum Difference {
    Argument(String),
    Version(String),
}

/// The compute time of a call: that of the recorded run if it ran there, else that of the entry.
pub(super) fn cost(call: &Call, facts: Option<&Facts>) -> u64 {
    match call.outcome.as_deref() {
        Some("ran") => call.took_us,
        _ if call.saved_us > 0 => call.saved_us,
        _ => facts.map_or(0, saved),
    }
}

fn saved(facts: &Facts) -> u64 {
    let time = facts.compute_time.unwrap_or_default().as_micros();
    u64::try_from(time).unwrap_or(u64::MAX)
}

/// What a replay of the call would serve: the result of an earlier call of the run, else the entry of
/// the cache; or why nothing.
pub(super) fn compare(
    call: &Call,
    written: Option<&Call>,
    facts: Option<&Facts>,
    config: &Config,
) -> Result<Served, String> {
    let (differences, saved_us) = match (written, facts) {
        (Some(written), _) if written.function == call.function => {
            (arguments(call, &written.args, |_| None, config), cost(written, None))
        }
        (Some(written), _) => {
            return Err(format!("the entry is a result of `{}`", written.function));
        }
        (None, Some(facts)) => {
            if let Some(miss) = facts.replay_miss(&call.function) {
                return Err(miss.to_string());
            }
            (entry(call, facts, config)?, saved(facts))
        }
        (None, None) => return Err("no entry has this tag".to_owned()),
    };
    let check = config.bypass(&call.function).and_then(BypassRule::check).unwrap_or(Check::NOTHING);
    let forbids = |difference: &Difference| match difference {
        Difference::Argument(_) => check.arguments,
        Difference::Version(_) => check.version,
    };
    let forbidden = differences.iter().any(forbids);
    let texts = differences.into_iter().map(|difference| match difference {
        Difference::Argument(text) | Difference::Version(text) => text,
    });
    let text = texts.collect::<Vec<_>>().join("; ");
    match forbidden {
        true => Err(text),
        false => Ok(Served { stale: (!text.is_empty()).then_some(text), saved_us }),
    }
}

/// What differs between a call and an entry; a miss where the rules check an entry without facts.
fn entry(call: &Call, facts: &Facts, config: &Config) -> Result<Vec<Difference>, String> {
    let provenance = &facts.provenance;
    if provenance.run.is_none() {
        let checks = config.bypass(&call.function).and_then(BypassRule::check);
        return match checks.is_some_and(|check| check != Check::NOTHING) {
            true => Err("the recorded result has no fingerprint".to_owned()),
            false => Ok(Vec::new()),
        };
    }
    let prints: Vec<_> =
        provenance.arguments.iter().map(|print| Some(Fingerprint::of(print.hash.0))).collect();
    let name = |index: usize| provenance.arguments.get(index)?.name.as_deref();
    let mut differences = arguments(call, &prints, name, config);
    // The record of a function without a version is the same as none.
    if let Some(is) = &call.version
        && provenance.version.as_ref() != Some(is)
    {
        let was = provenance.version.as_deref().unwrap_or("none");
        differences.push(Difference::Version(format!("the version was `{was}`, is `{is}`")));
    }
    Ok(differences)
}

/// The arguments that differ. Those whose hash the record does not have are taken to be the same.
fn arguments<'n>(
    call: &Call,
    were: &[Option<Fingerprint>],
    name: impl Fn(usize) -> Option<&'n str>,
    config: &Config,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    if call.args.len() != were.len() {
        let (was, is) = (were.len(), call.args.len());
        differences.push(Difference::Argument(format!("there were {was} arguments, are {is}")));
    }
    for (index, (is, was)) in call.args.iter().zip(were).enumerate() {
        let (position, name) = (index + 1, name(index));
        let ignored = config.ignored(&call.function).any(|ignored| ignored.is(position, name));
        if let (Some(is), Some(was)) = (is, was)
            && is != was
            && !ignored
        {
            let name = name.map_or_else(String::new, |name| format!(" `{name}`"));
            let text = format!("argument {position}{name} differs from the recorded one");
            differences.push(Difference::Argument(text));
        }
    }
    differences
}
