//! What stands in for a computation: a provider, a recorded file, the cached value.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chia_bypass::Freshness;
use chia_cache::Facts;
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::CacheClient;
use chia_services::codec::{self, Blob};

use super::{Produced, Running, fingerprint};
use crate::chia::check_signature;
use crate::outcome::Source;
use crate::registry::Signature;
use crate::ruleset::{Replacement, lookup};

impl Running<'_> {
    /// Asks the provider that the rules select (R6).
    pub(super) async fn provide(&mut self) -> Result<Produced> {
        let rules = self.chia.rules();
        let selected = match lookup(&rules.data.replacements, self.function) {
            Some(Replacement::Provider(selected)) => selected,
            _ => return Err(Error::new(ErrorKind::Protocol, "the rules select no provider here")),
        };
        let provider = self.chia.registry().find_provider(&selected.name)?;
        self.check(provider.signature, &selected.name)?;
        let site = self.chia.site(self.function, self.envelope.tag.as_deref(), &selected.capture);
        let provider = Arc::clone(&provider.body);
        let encoded = self.run_body(&*provider, Some(site)).await?;
        Ok(Produced::new(encoded.value, Source::Provider, encoded.took))
    }

    fn check(&self, provides: Signature, name: &str) -> Result<()> {
        let wanted = self.chia.registry().find_function(self.function)?.call.signature;
        check_signature(self.function, wanted, name, provides)
    }

    /// Serves the file that the rules name (R7), as text or, where the function returns a [`Blob`],
    /// as bytes.
    pub(super) async fn serve(&mut self) -> Result<Produced> {
        let start = Instant::now();
        let rules = self.chia.rules();
        let path = rules.data.config.bypass(self.function).and_then(|rule| rule.data());
        let (Some(path), Some(files)) = (path, self.chia.files()) else {
            return Err(Error::new(ErrorKind::Protocol, "the rules name no file here"));
        };
        let result = self.chia.registry().find_function(self.function)?.call.signature.result;
        let value = if result == std::any::type_name::<Blob>() {
            codec::encode(&Blob::from(files.bytes(path).await?))?
        } else if result == std::any::type_name::<String>() {
            codec::encode(&files.text(path).await?)?
        } else {
            let message = format!(
                "the file {} is served as String or Blob, but the function returns {result}: \
                 register a provider that reads it",
                path.display()
            );
            return Err(Error::new(ErrorKind::DataFile, message));
        };
        Ok(Produced::new(value, Source::File, start.elapsed()))
    }

    /// The cached value; any reason not to have it is a miss (R11, R21). Warns of what a user can
    /// mend: a cache that fails, a value of another type.
    pub(super) async fn replay(&self) -> Result<Produced> {
        self.replay_recorded().await.map(|(produced, _)| produced)
    }

    /// As [`replay`](Self::replay), with the compute time of the entry, if it has one.
    pub(super) async fn replay_recorded(&self) -> Result<(Produced, Option<Duration>)> {
        let start = Instant::now();
        let (Some(tag), Some(cache)) = (self.tag.as_deref(), self.chia.cache()) else {
            return Err(self.miss(&"the call has no tag, or the loop no cache"));
        };
        let (value, facts) = self.look_up(&cache, tag).await?;
        let body = &self.chia.registry().find_function(self.function)?.call.body;
        body.check(&value).map_err(|error| self.warn_miss(&error))?;
        let stale = self.compare(&facts)?;
        let produced = Produced::new(value, Source::Replayed, start.elapsed());
        let saved = facts.compute_time.unwrap_or_default();
        Ok((Produced { saved, stale, ..produced }, facts.compute_time))
    }

    /// Reads the entry, within the time that the loop allows.
    async fn look_up(&self, cache: &CacheClient, tag: &str) -> Result<(Bytes, Facts)> {
        let breaker = &self.chia.state().breaker;
        if breaker.is_open() {
            return Err(self.miss(&"the cache is not asked for a while after repeated time-outs"));
        }
        let timeout = self.chia.rules().data.write_timeout;
        let cache = cache.clone().within(timeout);
        let found = tokio::time::timeout(timeout, cache.replay(tag, self.function)).await;
        breaker.note(found.is_err(), self.quiet());
        match found {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(why))) => Err(self.miss(&why)),
            Ok(Err(error)) => Err(self.warn_miss(&error)),
            Err(_) => Err(self.warn_miss(&"the cache did not answer in time")),
        }
    }

    /// What differs between the call and the recorded one; an error where the rules forbid to serve
    /// the difference (R27).
    fn compare(&self, facts: &Facts) -> Result<Option<String>> {
        let Some(print) = &self.fingerprint else {
            return Ok(None);
        };
        let rules = self.chia.rules();
        let (freshness, serve) = fingerprint::compare(self.function, print, facts, &rules.data);
        match freshness {
            _ if !serve => Err(self.miss(&freshness)),
            Freshness::Stale(_) => Ok(Some(freshness.to_string())),
            Freshness::Same | Freshness::Unknown => Ok(None),
        }
    }

    fn miss(&self, why: &dyn fmt::Display) -> Error {
        Error::new(ErrorKind::ReplayMiss, format!("{}{why}", self.miss_head()))
    }

    fn miss_head(&self) -> String {
        format!("nothing to replay for `{}`: ", self.tag.as_deref().unwrap_or("no tag"))
    }

    /// Why nothing was replayed, without the tag: many calls have the same reason.
    pub(super) fn reason_of(&self, miss: &Error) -> String {
        let message = miss.message();
        message.strip_prefix(&self.miss_head()).unwrap_or(message).to_owned()
    }

    fn warn_miss(&self, why: &dyn fmt::Display) -> Error {
        let tag = self.tag.as_deref();
        warn_user!(self.quiet(), function = self.function, tag, "nothing is replayed: {why}");
        self.miss(why)
    }
}
