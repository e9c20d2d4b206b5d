//! What today's rules and cache would do to the calls of a recorded run.

mod command;
mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chia_bypass::{Answer, Bypass, Decision, Gate, Outcome, RunSettings};
use chia_cache::Facts;
use chia_config::{CacheRule, Config};
use chia_record::{Call, Run};
use serde::Serialize;

pub(crate) use command::show;

/// What would become of the calls of a recorded run; see [`forecast_run`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunForecast {
    /// The calls, in the order of the record.
    pub calls: Vec<CallForecast>,
    /// Calls of replaced calls: they would not be made.
    pub not_made: u64,
}

/// What would become of one call of a recorded run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallForecast {
    /// The call's id in the record.
    pub id: u64,
    /// The function.
    pub function: String,
    /// The tag.
    pub tag: Option<String>,
    /// What would become of it.
    pub answer: Answer,
    /// What differs between the call and the result that would be served all the same.
    pub stale: Option<String>,
    /// The compute time that a replay saves, in microseconds.
    pub saved_us: u64,
    /// The compute time of a call that runs, in microseconds, as far as record and cache know it.
    pub cost_us: u64,
}

impl RunForecast {
    /// The calls with an answer that `which` accepts.
    pub fn count(&self, which: impl Fn(&Answer) -> bool) -> usize {
        self.calls.iter().filter(|call| which(&call.answer)).count()
    }

    /// The compute time that replays would save, in microseconds.
    #[must_use]
    pub fn saved_us(&self) -> u64 {
        self.calls.iter().map(|call| call.saved_us).sum()
    }

    /// The compute time of what would run, in microseconds, as far as it is known.
    #[must_use]
    pub fn cost_us(&self) -> u64 {
        self.calls.iter().map(|call| call.cost_us).sum()
    }
}

/// Decides the calls of a recorded run anew, under other rules and with another cache. Nothing is
/// dispatched. `look` gives the facts of the entry under a tag.
///
/// A call that the rules replace is taken to be replayed, unless a provider replaced it in the recorded
/// run. Arguments are compared by the hashes that the record has of them: those that were results of
/// other calls are taken to be the same. A result that the run itself would write counts for later calls
/// of its tag. The calls of a call that is replaced would not be made.
///
/// # Errors
/// What `look` returns.
pub fn forecast_run<E>(
    run: &Run,
    rules: &Arc<Config>,
    settings: RunSettings,
    mut look: impl FnMut(&str) -> Result<Option<Facts>, E>,
) -> Result<RunForecast, E> {
    let mut forecast = RunForecast::default();
    let mut state = State { bypass: replacing(run, rules, settings), written: BTreeMap::new() };
    let mut replaced = BTreeSet::new();
    for call in &run.calls {
        if call.parent.is_some_and(|parent| replaced.contains(&parent)) {
            replaced.insert(call.id);
            forecast.not_made += 1;
            continue;
        }
        let foreseen = state.foresee(call, &mut look)?;
        if matches!(foreseen.answer, Answer::Replay | Answer::Replace | Answer::Fail) {
            replaced.insert(call.id);
        }
        forecast.calls.push(foreseen);
    }
    Ok(forecast)
}

/// The rules, with the replacements that the recorded run had.
fn replacing(run: &Run, rules: &Arc<Config>, settings: RunSettings) -> Bypass<(), ()> {
    let mut bypass = Bypass::with_settings(Arc::clone(rules), settings);
    for (function, rule) in rules.bypass_rules() {
        if rule.enabled() && rule.data().is_none() {
            bypass.set_replay(function, ());
        }
    }
    for call in &run.calls {
        if call.decision == "provider" {
            bypass.set_provider(&call.function, ());
        }
        if call.reason.contains("condition") {
            bypass.set_condition(&call.function, ());
        }
    }
    bypass
}

struct State<'r> {
    bypass: Bypass<(), ()>,
    /// The calls that ran and were written, by tag.
    written: BTreeMap<&'r str, &'r Call>,
}

impl<'r> State<'r> {
    fn foresee<E>(
        &mut self,
        call: &'r Call,
        look: &mut impl FnMut(&str) -> Result<Option<Facts>, E>,
    ) -> Result<CallForecast, E> {
        let tag = call.tag.as_deref();
        let decision = self.bypass.decide(&call.function, tag);
        let reason = *decision.reason();
        let facts = tag.map(&mut *look).transpose()?.flatten();
        let mut foreseen = CallForecast {
            id: call.id,
            function: call.function.clone(),
            tag: call.tag.clone(),
            answer: Answer::Run,
            stale: None,
            saved_us: 0,
            cost_us: 0,
        };
        match (&decision, reason.gate()) {
            (Decision::Replace(replacement), Gate::Replay) => {
                let must_hit = replacement.must_hit();
                self.replay(call, facts.as_ref(), &mut foreseen);
                if must_hit && matches!(foreseen.answer, Answer::Miss(_)) {
                    foreseen.answer = Answer::Fail;
                }
            }
            (Decision::Replace(_), _) => foreseen.answer = Answer::Replace,
            (Decision::Ask(_), _) => foreseen.answer = Answer::AskCondition,
            (Decision::Fail(_), _) => foreseen.answer = Answer::Fail,
            (Decision::Run(_), _) => {}
        }
        if matches!(foreseen.answer, Answer::Run | Answer::Miss(_)) {
            foreseen.cost_us = recorded::cost(call, facts.as_ref());
            let write = self.bypass.decide_write(&reason).reason().outcome() == Outcome::Write;
            if let (Some(tag), true) = (tag, write) {
                self.written.insert(tag, call);
            }
        }
        Ok(foreseen)
    }

    /// What the cache would serve, or why it would not.
    fn replay(&self, call: &Call, facts: Option<&Facts>, foreseen: &mut CallForecast) {
        let Some(tag) = call.tag.as_deref() else {
            let rule = self.bypass.config().cache(&call.function);
            foreseen.answer = Answer::Miss(match rule.is_some_and(CacheRule::auto_tag) {
                true => "its tag is made from its arguments, which the record does not have".into(),
                false => "the call has no tag".into(),
            });
            return;
        };
        let written = self.written.get(tag).copied();
        let config = self.bypass.config();
        match recorded::compare(call, written, facts, config) {
            Ok(served) => {
                foreseen.answer = Answer::Replay;
                (foreseen.stale, foreseen.saved_us) = (served.stale, served.saved_us);
            }
            Err(miss) => foreseen.answer = Answer::Miss(miss),
        }
    }
}
