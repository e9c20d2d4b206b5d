//! A circuit breaker in front of a cache that does not answer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Suspends the use of the cache after two time-outs in a row, so that a dead cache holds no licences or GPUs.
#[derive(Default)]
pub(crate) struct Breaker(Mutex<BreakerState>);

#[derive(Default)]
struct BreakerState {
    timeouts: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    const TIMEOUTS: u32 = 2;
    const SUSPENDED: Duration = Duration::from_secs(30);

    pub(crate) fn is_open(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.is_some_and(|until| Instant::now() < until)
    }

    pub(crate) fn note(&self, timed_out: bool, quiet: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.timeouts = if timed_out { state.timeouts + 1 } else { 0 };
        state.open_until =
            (state.timeouts >= Self::TIMEOUTS).then(|| Instant::now() + Self::SUSPENDED);
        if state.timeouts == Self::TIMEOUTS {
            let time = Self::SUSPENDED;
            warn_user!(quiet, "the cache is not used for {time:?}: it does not answer");
        }
    }
}
