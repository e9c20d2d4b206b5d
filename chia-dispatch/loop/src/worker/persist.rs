//! Writes a result to the cache: before the caller can see it, in bounded time, never failing the call.

use chia_cache::{NewEntry, Origin, Written};
use chia_services::CacheClient;

use super::{Produced, Running};
use crate::outcome::{CacheWrite, Source};
use crate::registry::Worth;

impl Running<'_> {
    /// Writes a result under the call's tag (R12). Whatever goes wrong is reported and counted (R13).
    pub(super) async fn persist(&self, produced: &Produced) -> CacheWrite {
        let (Some(tag), Some(cache)) = (self.tag.as_deref(), self.chia.cache()) else {
            return CacheWrite::NotAsked;
        };
        if !self.is_worth_keeping(&produced.worth) {
            return CacheWrite::Rejected;
        }
        if self.chia.state().breaker.is_open() {
            return CacheWrite::Suspended;
        }
        self.write(&cache, tag, produced).await
    }

    /// The verdict of the function's `keep_if` (R28).
    fn is_worth_keeping(&self, worth: &Worth) -> bool {
        if let Worth::Panicked(message) = worth {
            let (function, tag) = (self.function, self.tag.as_deref());
            warn_user!(
                self.quiet(),
                function,
                tag,
                "`keep_if` panicked ({message}); the result is returned and not written"
            );
        }
        *worth == Worth::Keep
    }

    async fn write(&self, cache: &CacheClient, tag: &str, produced: &Produced) -> CacheWrite {
        let entry = self.entry(produced);
        let timeout = self.chia.rules().data.write_timeout;
        let cache = cache.clone().within(timeout);
        let write = cache.write_bytes(tag, produced.value.clone(), &entry);
        let written = tokio::time::timeout(timeout, write).await;
        self.chia.state().breaker.note(written.is_err(), self.quiet());
        let function = self.function;
        match written {
            Ok(Ok(written)) => self.report(tag, written),
            Ok(Err(error)) => {
                warn_user!(self.quiet(), function, tag, %error, "the result was not cached; the call goes on");
                CacheWrite::Failed
            }
            Err(_) => {
                warn_user!(
                    self.quiet(),
                    function,
                    tag,
                    ?timeout,
                    "the cache did not answer in time; the call goes on"
                );
                CacheWrite::Failed
            }
        }
    }

    /// What the store records beside the value (R26).
    fn entry(&self, produced: &Produced) -> NewEntry {
        let origin = match produced.source {
            Source::Provider => Origin::Provider,
            Source::File => Origin::File,
            Source::Ran | Source::Replayed => Origin::Real,
        };
        let entry = NewEntry::new(origin)
            .function(self.function)
            .compute_time(produced.took)
            .run(self.chia.rules().data.run.as_str());
        let labels = self.envelope.labels.iter();
        let entry = labels.fold(entry, |entry, (name, value)| entry.label(&**name, &**value));
        match &self.fingerprint {
            Some(fingerprint) => super::fingerprint::record(fingerprint, entry),
            None => entry,
        }
    }

    fn report(&self, tag: &str, written: Written) -> CacheWrite {
        let function = self.function;
        match written {
            Written::Stored { collision } => {
                if collision {
                    warn_user!(
                        self.quiet(),
                        function,
                        tag,
                        "another function's result was under this tag; the later one wins"
                    );
                }
                CacheWrite::Stored
            }
            Written::Refreshed => CacheWrite::Refreshed,
            Written::KeptReal => CacheWrite::KeptReal,
            Written::TooLarge => {
                warn_user!(
                    self.quiet(),
                    function,
                    tag,
                    "the result is larger than the whole cache; it was not written"
                );
                CacheWrite::TooLarge
            }
            other => {
                warn_user!(
                    self.quiet(),
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
