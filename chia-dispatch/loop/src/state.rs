//! What a process keeps between the tasks of its loops.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use chia_dispatch::backend::Shared;
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::{CacheEndpoint, DirectClient};
use lru::LruCache;

use crate::breaker::Breaker;
use crate::ruleset::Rules;

/// Rules of this many loops stay compiled in one process.
const RULES_KEPT: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// Direct clients of this many caches stay open in one process.
const CLIENTS_KEPT: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");

/// Compiled rules, connections to caches, and the breaker, shared by driver and worker of one process.
pub(crate) struct ProcessState {
    rules: Mutex<LruCache<u128, Arc<Rules>>>,
    clients: Mutex<LruCache<CacheEndpoint, Arc<DirectClient>>>,
    pub(crate) breaker: Breaker,
}

impl Default for ProcessState {
    fn default() -> Self {
        Self {
            rules: Mutex::new(LruCache::new(RULES_KEPT)),
            clients: Mutex::new(LruCache::new(CLIENTS_KEPT)),
            breaker: Breaker::default(),
        }
    }
}

impl ProcessState {
    /// The compiled rules of a task: compiled at their first task here, and never those of another.
    pub(crate) fn rules(&self, shared: Option<&Shared>) -> Result<Arc<Rules>> {
        let shared = shared
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "a task came without its rules"))?;
        let known =
            self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(&shared.hash).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let rules = Arc::new(Rules::unpack(shared)?);
        self.learn(&rules);
        Ok(rules)
    }

    /// The client of a cache's endpoint, with its connections.
    pub(crate) fn direct_client(&self, endpoint: CacheEndpoint) -> Arc<DirectClient> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = endpoint.clone();
        Arc::clone(clients.get_or_insert(key, || Arc::new(DirectClient::new(Some(endpoint)))))
    }

    /// Saves the compiling where driver and worker are one process.
    pub(crate) fn learn(&self, rules: &Arc<Rules>) {
        let mut known = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(rules.shared.hash, Arc::clone(rules));
    }
}
