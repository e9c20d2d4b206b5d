//! How long a run took, and what its calls waited for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chia_dispatch::{CPU, Resources};

use crate::outcome::Outcome;

/// The times of the calls whose results were seen.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// When the first call was dispatched, and when the last work ended.
    span: Option<(SystemTime, SystemTime)>,
    waited: BTreeMap<String, Duration>,
}

impl Timing {
    /// Adds a call that was dispatched at `dispatched` and asked for `resources`. Its wait counts for
    /// each of its resources besides `cpu`, or for `cpu` if there is no other.
    pub(super) fn add(&mut self, dispatched: SystemTime, resources: &Resources, outcome: &Outcome) {
        let ended = outcome.started + outcome.took;
        let (first, last) = self.span.unwrap_or((dispatched, ended));
        self.span = Some((first.min(dispatched), last.max(ended)));
        let wait = outcome.started.duration_since(dispatched).unwrap_or_default();
        let names = resources.iter().map(|(name, _)| name);
        let mut others = names.filter(|name| *name != CPU).peekable();
        if others.peek().is_none() {
            self.count(CPU, wait);
        }
        others.for_each(|name| self.count(name, wait));
    }

    fn count(&mut self, resource: &str, wait: Duration) {
        match self.waited.get_mut(resource) {
            Some(sum) => *sum += wait,
            None => drop(self.waited.insert(resource.to_owned(), wait)),
        }
    }

    /// From the first dispatch to the last end.
    pub(super) fn makespan(&self) -> Duration {
        let length = self.span.map(|(first, last)| last.duration_since(first).unwrap_or_default());
        length.unwrap_or_default()
    }

    pub(super) fn waited(&self) -> BTreeMap<String, Duration> {
        self.waited.clone()
    }
}
