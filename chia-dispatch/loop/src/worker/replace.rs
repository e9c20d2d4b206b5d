//! What stands in for a computation: a provider, a recorded file, the cached value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::codec::{self, Blob};

use super::{Made, Running};
use crate::chia::check_signature;
use crate::outcome::Source;
use crate::registry::Signature;
use crate::ruleset::{Replacement, lookup};

impl Running<'_> {
    /// Asks the provider that the rules select (R6).
    pub(super) async fn provide(&mut self) -> Result<Made> {
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
        Ok(Made {
            value: encoded.value,
            source: Source::Provider,
            took: encoded.took,
            saved: Duration::ZERO,
        })
    }

    fn check(&self, provides: Signature, name: &str) -> Result<()> {
        let wanted = self.chia.registry().find_function(self.function)?.call.signature;
        check_signature(self.function, wanted, name, provides)
    }

    /// Serves the file that the rules name (R7), as text or, where the function returns a [`Blob`],
    /// as bytes.
    pub(super) async fn serve(&mut self) -> Result<Made> {
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
        Ok(Made { value, source: Source::File, took: start.elapsed(), saved: Duration::ZERO })
    }

    /// The cached value; any reason not to have it is a miss (R11, R21). What a user should hear of,
    /// a cache that fails or a value of another type, is told.
    pub(super) async fn replay(&self) -> Result<Made> {
        let start = Instant::now();
        let tag = self.envelope.tag.as_deref();
        let miss = |why: &dyn std::fmt::Display| {
            let message = format!("nothing to replay for `{}`: {why}", tag.unwrap_or("no tag"));
            Error::new(ErrorKind::ReplayMiss, message)
        };
        let told = |why: &dyn std::fmt::Display| {
            tracing::warn!(function = self.function, tag, "nothing is replayed: {why}");
            miss(why)
        };
        let (Some(tag), Some(cache)) = (tag, self.chia.cache()) else {
            return Err(miss(&"the call has no tag, or the loop no cache"));
        };
        let breaker = &self.chia.state().breaker;
        if breaker.is_open() {
            return Err(miss(&"the cache is left alone after repeated time-outs"));
        }
        let patience = self.chia.rules().data.write_timeout;
        let cache = cache.within(patience);
        let found = tokio::time::timeout(patience, cache.replay(tag, self.function)).await;
        breaker.note(found.is_err());
        let (value, facts): (Bytes, _) = match found {
            Ok(Ok(Ok(found))) => found,
            Ok(Ok(Err(why))) => return Err(miss(&why)),
            Ok(Err(error)) => return Err(told(&error)),
            Err(_) => return Err(told(&"the cache did not answer in time")),
        };
        let body = &self.chia.registry().find_function(self.function)?.call.body;
        body.check(&value).map_err(|error| told(&error))?;
        Ok(Made {
            value,
            source: Source::Replayed,
            took: start.elapsed(),
            saved: facts.compute_time.unwrap_or_default(),
        })
    }
}
