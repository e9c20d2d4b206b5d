//! What a loop selects of what its program registered.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use chia_bypass::{CacheLook, Explanation, Forecast};
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::codec::{self, Value};

use super::Chia;
use crate::registry::{Arguments, Condition, Function, Provider, Signature};
use crate::ruleset::{Replacement, Rules, RulesData, Selected};

impl Chia {
    /// Serves a function from the cache where the rules bypass it: the cached value when it is
    /// there, a real run when it is not. Looking and reading are one step on the worker.
    ///
    /// Only real and manually written entries of the same function are served.
    ///
    /// # Errors
    /// The function is not registered, or the loop has no cache.
    pub fn replay<A: Arguments, R: Value>(&self, function: &Function<A, R>) -> Result<()> {
        self.replay_named(function.name(), false)
    }

    /// As [`replay`](Self::replay), but a missing value fails the call with
    /// [`ErrorKind::ReplayMiss`].
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn replay_or_fail<A: Arguments, R: Value>(&self, function: &Function<A, R>) -> Result<()> {
        self.replay_named(function.name(), true)
    }

    /// Puts a provider in a function's place where the rules bypass it.
    ///
    /// # Errors
    /// One of them is not registered.
    pub fn set_provider<A: Arguments, R: Value>(
        &self,
        function: &Function<A, R>,
        provider: &Provider<A, R>,
    ) -> Result<()> {
        self.set_provider_named(function.name(), provider.name(), Bytes::new())
    }

    /// As [`set_provider`](Self::set_provider), with data that the provider finds in
    /// [`Site::capture`](crate::Site::capture).
    ///
    /// # Errors
    /// One of them is not registered, or the data cannot be encoded.
    pub fn set_provider_with<A: Arguments, R: Value, C: Value>(
        &self,
        function: &Function<A, R>,
        provider: &Provider<A, R>,
        capture: &C,
    ) -> Result<()> {
        self.set_provider_named(function.name(), provider.name(), codec::encode(capture)?)
    }

    /// As [`set_provider`](Self::set_provider), by names and with an encoded capture; the types are
    /// checked here.
    ///
    /// # Errors
    /// [`ErrorKind::NotRegistered`]: one of them is not registered, or their types differ.
    pub fn set_provider_named(&self, function: &str, provider: &str, capture: Bytes) -> Result<()> {
        let wanted = self.registry().find_function(function)?.call.signature;
        let provides = self.registry().find_provider(provider)?.signature;
        check_signature(function, wanted, provider, provides)?;
        self.replace(
            function,
            Replacement::Provider(Selected { name: provider.to_owned(), capture }),
        )
    }

    /// Makes a condition the last gate of a function's bypass.
    ///
    /// # Errors
    /// One of them is not registered.
    pub fn set_condition<A: Arguments, R: Value>(
        &self,
        function: &Function<A, R>,
        condition: &Condition<A>,
    ) -> Result<()> {
        self.select_condition(function.name(), condition.name(), Bytes::new())
    }

    /// As [`set_condition`](Self::set_condition), with data that the condition finds in
    /// [`Site::capture`](crate::Site::capture).
    ///
    /// # Errors
    /// One of them is not registered, or the data cannot be encoded.
    pub fn set_condition_with<A: Arguments, R: Value, C: Value>(
        &self,
        function: &Function<A, R>,
        condition: &Condition<A>,
        capture: &C,
    ) -> Result<()> {
        self.select_condition(function.name(), condition.name(), codec::encode(capture)?)
    }

    /// Why calls would run or be replaced, without making them: pairs of function and tag (R10). A
    /// condition is not asked; its calls say that it would be.
    #[must_use]
    pub fn dry_run(&self, calls: &[(&str, Option<&str>)]) -> Vec<Explanation> {
        let rules = self.rules();
        rules.bypass.dry_run(calls.iter().copied())
    }

    /// As [`dry_run`](Self::dry_run), with a look into the cache: which calls would be replayed, and
    /// which would miss, and why. Recency does not change. The arguments of the calls are not known
    /// here, so that a difference that the rules check is not seen.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn forecast(&self, calls: &[(&str, Option<&str>)]) -> Result<Vec<Forecast>> {
        let rules = self.rules();
        let mut looks = BTreeMap::new();
        let mut asked = Vec::new();
        rules.bypass.forecast(calls.iter().copied(), |function, tag| {
            asked.push((function.to_owned(), tag.to_owned()));
            CacheLook::Hit
        });
        for (function, tag) in asked {
            let look = self.look(&function, &tag).await?;
            looks.insert((function, tag), look);
        }
        Ok(rules.bypass.forecast(calls.iter().copied(), |function, tag| {
            looks.remove(&(function.to_owned(), tag.to_owned())).unwrap_or(CacheLook::Hit)
        }))
    }

    /// What the cache would serve of `function` under a tag.
    async fn look(&self, function: &str, tag: &str) -> Result<CacheLook> {
        let Some(cache) = self.cache() else {
            return Ok(CacheLook::Miss("the loop has no cache".to_owned()));
        };
        Ok(match cache.facts(tag).await? {
            None => CacheLook::Miss("no entry has this tag".to_owned()),
            Some(facts) => match facts.replay_miss(function) {
                None => CacheLook::Hit,
                Some(miss) => CacheLook::Miss(miss.to_string()),
            },
        })
    }

    fn replay_named(&self, function: &str, or_fail: bool) -> Result<()> {
        if self.rules().data.cache.is_none() {
            let message = "there is nothing to replay from: start the loop with a cache";
            return Err(Error::new(ErrorKind::Cache, message).in_function(function));
        }
        self.replace(function, Replacement::Replay { or_fail })
    }

    fn select_condition(&self, function: &str, name: &str, capture: Bytes) -> Result<()> {
        self.registry().find_function(function)?;
        self.registry().find_condition(name)?;
        let selected = Selected { name: name.to_owned(), capture };
        self.change_rules(|rules| drop(rules.conditions.insert(function.to_owned(), selected)))
    }

    fn replace(&self, function: &str, replacement: Replacement) -> Result<()> {
        self.registry().find_function(function)?;
        self.change_rules(|rules| drop(rules.replacements.insert(function.to_owned(), replacement)))
    }

    /// Calls dispatched from now on go by the changed rules; those under way keep theirs.
    fn change_rules(&self, edit: impl FnOnce(&mut RulesData)) -> Result<()> {
        let mut rules = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        let changed: Arc<Rules> = Arc::new(rules.change(edit)?);
        self.state().learn(&changed);
        *rules = changed;
        Ok(())
    }
}

/// A provider must take what the function takes and return what it returns.
pub(crate) fn check_signature(
    function: &str,
    wanted: Signature,
    provider: &str,
    provides: Signature,
) -> Result<()> {
    if wanted == provides {
        return Ok(());
    }
    let message = format!(
        "the provider `{provider}` is for {provides}, but `{function}` is {wanted}: register a \
         provider of these types"
    );
    Err(Error::new(ErrorKind::NotRegistered, message))
}
