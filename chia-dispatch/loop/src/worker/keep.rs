//! A result's way into the cache: before the caller can see it, bounded, never at the call's cost.

use chia_cache::{NewEntry, Origin, Written};

use super::{Made, Running};
use crate::outcome::{CacheWrite, Source};

impl Running<'_> {
    /// Writes a result under the call's tag (R12). Whatever goes wrong is told and counted (R13).
    pub(super) async fn keep(&self, made: &Made) -> CacheWrite {
        let (Some(tag), Some(cache)) = (self.envelope.tag.as_deref(), self.chia.cache()) else {
            return CacheWrite::NotAsked;
        };
        let breaker = &self.chia.state().breaker;
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
