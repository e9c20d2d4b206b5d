//! Is a recorded result still right, and what would become of a call?

use chia_bypass::{Answer, Comparison, Digest, Fingerprint, Forecast, Freshness};
use chia_cache::Facts;
use chia_config::{Argument, BypassRule, Check, Config};

use crate::entry;

/// The tag that is made for a call.
pub(crate) fn auto_tag(config: &Config, function: &str, print: &Fingerprint) -> String {
    let ignored: Vec<&Argument> = config.ignored(function).collect();
    let compared = print.arguments.iter().enumerate().filter(|(index, argument)| {
        !ignored.iter().any(|ignored| ignored.is(index + 1, argument.name.as_deref()))
    });
    let hashes: Vec<Digest> = compared.map(|(_, argument)| argument.hash).collect();
    chia_bypass::auto_tag(function, print.version.as_deref(), &hashes)
}

/// Whether an entry with these facts may answer a call, and what differs, if anything does.
pub(crate) fn compare(
    config: &Config,
    default: Check,
    function: &str,
    print: &Fingerprint,
    facts: &Facts,
) -> (bool, Option<String>) {
    let check = config.bypass(function).and_then(BypassRule::check).unwrap_or(default);
    let comparison = Comparison::new(check, config.ignored(function));
    let freshness = comparison.compare(entry::recorded(facts).as_ref(), print);
    let serves = !comparison.forbids(&freshness);
    let shown = !serves || matches!(freshness, Freshness::Stale(_));
    (serves, shown.then(|| freshness.to_string()))
}

/// What would become of a call, in one word, and why.
pub(crate) fn answer(forecast: &Forecast) -> (&'static str, String) {
    let why = forecast.explanation.to_string();
    match &forecast.answer {
        Answer::Miss(miss) => ("miss", format!("{why}: {miss}")),
        Answer::Replay => ("replay", why),
        Answer::Replace => ("replace", why),
        Answer::AskCondition => ("ask", why),
        Answer::Fail => ("fail", why),
        _ => ("run", why),
    }
}
