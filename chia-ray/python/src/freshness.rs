//! Is a recorded result still right, and what would become of a call?

use chia_bypass::{Answer, Comparison, Fingerprint, Forecast, Freshness};
use chia_cache::Facts;
use chia_config::Config;

use crate::entry;

/// Whether an entry with these facts may answer a call, and what differs, if anything does.
pub(crate) fn compare(
    config: &Config,
    function: &str,
    check_by_default: bool,
    print: &Fingerprint,
    facts: &Facts,
) -> (bool, Option<String>) {
    let comparison = Comparison::of_rules(config, function, check_by_default);
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
