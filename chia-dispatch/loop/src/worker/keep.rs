//! A result's way into the cache: before the caller can see it, bounded, never at the call's cost.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chia_cache::{NewEntry, Origin, Written};

use super::{Made, Running};
use crate::envelope::{CacheWrite, Source};

impl Running<'_> {
    /// Writes a result under the call's tag (R12). Whatever goes wrong is told and counted (R13).
    pub(super) async fn keep(&self, made: &Made) -> CacheWrite {
        let (Some(tag), Some(cache)) = (self.envelope.tag.as_deref(), self.chia.cache()) else {
            return CacheWrite::NotAsked;
        };
        let breaker = &self.chia.registry().worker().breaker;
        if breaker.is_open() {
            return CacheWrite::Suspended;
        }
        let origin = match made.source {
            Source::Provider => Origin::Provider,
            Source::File => Origin::File,
            Source::Ran | Source::Replayed => Origin::Real,
        };
        let entry = NewEntry::new(origin).function(self.function).compute_time(made.took);
        let patience = self.chia.rules().data.write_timeout;
        let cache = cache.within(patience);
        let written =
            tokio::time::timeout(patience, cache.write_bytes(tag, made.value.clone(), &entry));
        let result = written.await;
        breaker.note(result.is_err());
        match result {
            Ok(Ok(written)) => self.tell(tag, written),
            Ok(Err(error)) => {
                let function = self.function;
                tracing::warn!(function, tag, %error, "the result was not cached; the call goes on");
                CacheWrite::Failed
            }
            Err(_) => {
                let function = self.function;
                tracing::warn!(
                    function,
                    tag,
                    ?patience,
                    "the cache did not answer in time; the call goes on"
                );
                CacheWrite::Failed
            }
        }
    }

    fn tell(&self, tag: &str, written: Written) -> CacheWrite {
        let function = self.function;
        match written {
            Written::Stored { collision: false } => CacheWrite::Stored,
            Written::Stored { collision: true } => {
                tracing::warn!(
                    function,
                    tag,
                    "another function's result was under this tag; the later one wins"
                );
                CacheWrite::Stored
            }
            Written::Refreshed => CacheWrite::Refreshed,
            Written::KeptReal => CacheWrite::KeptReal,
            Written::TooLarge => {
                tracing::warn!(
                    function,
                    tag,
                    "the result is larger than the whole cache; it was not kept"
                );
                CacheWrite::TooLarge
            }
            other => {
                tracing::warn!(
                    function,
                    tag,
                    ?other,
                    "the cache gave an answer unknown to this version"
                );
                CacheWrite::Failed
            }
        }
    }
}

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

    pub(super) fn is_open(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.open_until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn note(&self, timed_out: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.timeouts = if timed_out { state.timeouts + 1 } else { 0 };
        state.open_until =
            (state.timeouts >= Self::TIMEOUTS).then(|| Instant::now() + Self::SUSPENDED);
        if state.timeouts == Self::TIMEOUTS {
            tracing::warn!("the cache is left alone for {:?}: it does not answer", Self::SUSPENDED);
        }
    }
}
