//! What stands in for a computation: a provider, a recorded file, the cached value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Made, Running};
use crate::chia::{Replacement, check_signature, lookup};
use crate::codec::{self, Blob};
use crate::envelope::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::registry::{Call, Signature};

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
        let call = Call { args: std::mem::take(&mut self.args), site: Some(site) };
        let encoded = Arc::clone(&provider.body).call(call).await?;
        Ok(Made {
            value: encoded.value.into(),
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

    /// The cached value; any reason not to have it is a miss (R11, R21).
    pub(super) async fn replay(&self) -> Result<Made> {
        let start = Instant::now();
        let miss = |why: &dyn std::fmt::Display| {
            let tag = self.envelope.tag.as_deref().unwrap_or("no tag");
            Error::new(ErrorKind::ReplayMiss, format!("nothing to replay for `{tag}`: {why}"))
        };
        let Some(tag) = self.envelope.tag.as_deref() else {
            return Err(miss(&"the call has no tag"));
        };
        let Some(cache) = self.chia.cache() else {
            return Err(miss(&"the loop has no cache"));
        };
        let patience = self.chia.rules().data.write_timeout;
        let found = tokio::time::timeout(patience, cache.replay(tag, self.function)).await;
        let (value, facts): (Bytes, _) = match found {
            Ok(Ok(Ok(found))) => found,
            Ok(Ok(Err(why))) => return Err(miss(&why)),
            Ok(Err(error)) => return Err(miss(&error)),
            Err(_) => return Err(miss(&"the cache did not answer in time")),
        };
        Ok(Made {
            value,
            source: Source::Replayed,
            took: start.elapsed(),
            saved: facts.compute_time.unwrap_or_default(),
        })
    }
}
