//! What would become of calls, without making them.

use chia_config::CacheRule;
use serde::{Deserialize, Serialize};

use crate::bypass::Bypass;
use crate::decide::Call;
use crate::{Explanation, Gate, Outcome};

/// What would become of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The answer.
    pub answer: Answer,
    /// The decision that it comes from.
    pub explanation: Explanation,
}

/// What would become of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// The cached value is served.
    Replay,
    /// It would be replayed, but the cache cannot serve it, and why: it runs, or fails where the
    /// run demands a replay.
    Miss(String),
    /// A provider or a `data:` file replaces it.
    Replace,
    /// It runs.
    Run,
    /// Its condition would be asked.
    AskCondition,
    /// It fails: it must be replaced, and there is nothing to replace it with.
    Fail,
}

/// The answer of the cache about a call that would be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheLook {
    /// It has a value that it would serve.
    Hit,
    /// It has none, and why.
    Miss(String),
}

impl<P, C> Bypass<P, C> {
    /// The decisions for calls, in their order, without making them: pairs of a function and a
    /// tag. A condition is not asked; its calls are explained as such. Does not count as
    /// [`usage`](Self::usage).
    pub fn dry_run<'a>(
        &'a self,
        calls: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Vec<Explanation> {
        // The first call to run counts within the dry run, and not beyond it.
        let mut from_reached = self.from_reached();
        let mut explain = |function, tag| {
            from_reached |= self.settings.from().is_some_and(|from| from.matches(tag).is_some());
            let call = Call { function, tag, fresh: false, from_reached };
            self.judge(call, false).reason().explain()
        };
        calls.into_iter().map(|(function, tag)| explain(function, tag)).collect()
    }

    /// As [`dry_run`](Self::dry_run), with a look into the cache for each call that would be
    /// replayed. `look` takes the function and the tag.
    pub fn forecast<'a>(
        &'a self,
        calls: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        mut look: impl FnMut(&str, &str) -> CacheLook,
    ) -> Vec<Forecast> {
        let forecast = |explanation: Explanation| {
            let answer = match (explanation.outcome(), explanation.gate()) {
                (Outcome::Replace, Gate::Replay) => self.replayed(&explanation, &mut look),
                (Outcome::Replace, _) => Answer::Replace,
                (Outcome::Ask, _) => Answer::AskCondition,
                (Outcome::Fail, _) => Answer::Fail,
                _ => Answer::Run,
            };
            Forecast { answer, explanation }
        };
        self.dry_run(calls).into_iter().map(forecast).collect()
    }

    fn replayed(
        &self,
        explanation: &Explanation,
        look: &mut impl FnMut(&str, &str) -> CacheLook,
    ) -> Answer {
        let reason = explanation.reason();
        let Some(tag) = reason.tag() else {
            let auto = self.config().cache(reason.function()).is_some_and(CacheRule::auto_tag);
            return Answer::Miss(match auto {
                true => "its tag is made from its arguments, which a dry run does not see".into(),
                false => "the call has no tag".into(),
            });
        };
        match look(reason.function(), tag) {
            CacheLook::Hit => Answer::Replay,
            CacheLook::Miss(why) => Answer::Miss(why),
        }
    }
}
