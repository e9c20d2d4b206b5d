//! The cache as a loop, a task or a condition sees it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chia_cache::{ByteSize, Durability, Facts, NewEntry, Origin, Policy, Stats, Written};
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Concurrency, Lifetime, Placement, TaskOptions,
};
use chia_dispatch::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cache::CONCURRENCY;
use super::direct::{Answer, CacheEndpoint, DirectClient, Request};
use super::{CACHE_KIND, CacheInit, blocking};
use crate::codec::{self, Value};
use crate::message::{pack, unpack};

/// The name of the cache actor, one a backend (on Ray: one a cluster).
const CACHE_NAME: &str = "chia.cache";

/// Values up to this size travel inside the request.
const INLINE: usize = 64 * 1024;

/// A direct request waits this long for its answer, unless its caller has less time. Then it is made again
/// through the backend.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A request that already has its answer waits at most this long for the new endpoint.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(1);

/// Which cache a loop starts or attaches to.
///
/// ```
/// use chia_cache::Durability;
/// use chia_services::CacheOptions;
///
/// let careful = CacheOptions::new("4 GB", "/data/chia_cache");
/// let fast = CacheOptions::new("512 MiB", "scratch").durability(Durability::Relaxed);
/// ```
#[derive(Clone, Debug)]
pub struct CacheOptions {
    size: Result<ByteSize, String>,
    dir: PathBuf,
    durability: Durability,
    lock_wait: Duration,
    base: Option<PathBuf>,
    policy: Option<Policy>,
    allow_shrink: bool,
}

impl CacheOptions {
    /// A cache of a size (`"4 GB"`; units are powers of 1024) in a directory of the node that leads the
    /// cluster, which is the driver's own where there is no other. A relative path is taken from the
    /// driver's folder. A size that cannot be read, has no unit or is 0 is an error when the cache starts.
    pub fn new(size: &str, dir: impl Into<PathBuf>) -> Self {
        Self {
            size: budget(size),
            dir: dir.into(),
            durability: Durability::default(),
            lock_wait: Duration::from_secs(10),
            base: None,
            policy: None,
            allow_shrink: false,
        }
    }

    /// Makes the cache an overlay of the cache in another directory, its base: what is not in the
    /// overlay is read from the base, and everything is written to the overlay. So the results of one
    /// run stay, and a second run tries something else.
    ///
    /// Entries of the base count as used. While another cache has the base open they do not, and the
    /// overlay reads what the base held when the overlay was opened. The overlay holds the base open
    /// itself otherwise. The size is the budget of the overlay alone. A base may be an overlay too. The
    /// directory stays an overlay: later loops need not name the base again.
    ///
    /// The cache does not start when the base is gone or is no cache, when a directory would be its own
    /// base, or when the directory is an overlay of another base.
    ///
    /// ```
    /// use chia_services::CacheOptions;
    ///
    /// let forked = CacheOptions::new("4 GB", "/data/run_b").overlay_of("/data/run_a");
    /// ```
    #[must_use]
    pub fn overlay_of(mut self, base: impl Into<PathBuf>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// What an acknowledged write survives; power loss ([`Durability::Durable`]) unless set.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long to wait for another holder of the directory; 10 s unless set.
    #[must_use]
    pub fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// Which entries leave first when room is needed. A cache keeps its policy from run to run; a new one
    /// has [`Policy::Lru`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Whether the size may evict more than a tenth of the entries at once. By default such a size is an
    /// error, which names how many would go.
    #[must_use]
    pub fn allow_shrink(mut self, allow: bool) -> Self {
        self.allow_shrink = allow;
        self
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the cache is opened with, and its base.
    fn init(self) -> Result<(CacheInit, Option<PathBuf>)> {
        let refuse = |why: String| Error::new(ErrorKind::Cache, why);
        let budget = self.size.map_err(refuse)?;
        let absolute = |dir: &Path| {
            std::path::absolute(dir).map_err(|error| {
                refuse(format!("the cache directory {} cannot be used", dir.display()))
                    .with_source(error)
            })
        };
        let init = CacheInit {
            dir: absolute(&self.dir)?,
            budget,
            durability: self.durability,
            lock_wait: self.lock_wait,
            policy: self.policy,
            allow_shrink: self.allow_shrink,
        };
        Ok((init, self.base.as_deref().map(absolute).transpose()?))
    }
}

/// From this number on, a size without a unit looks like bytes rather than like gigabytes.
const LIKELY_BYTES: u64 = 1024 * 1024;

/// Reads the size of a cache. A bare number is more likely a slip than a wish for that many bytes, and a
/// cache that small would evict everything.
fn budget(size: &str) -> Result<ByteSize, String> {
    let parsed: ByteSize =
        size.parse().map_err(|error: chia_cache::ParseByteSizeError| error.to_string())?;
    let size = size.trim();
    if parsed.bytes() == 0 {
        return Err(format!(
            "a cache of size `{size}` holds nothing: write a size such as `4 GB`, or start none"
        ));
    }
    if size.chars().any(|c| c.is_ascii_alphabetic()) {
        return Ok(parsed);
    }
    let likely = match parsed.bytes() {
        LIKELY_BYTES.. => format!("`{size} B` for {parsed}"),
        _ => format!("`{size} GB` for gigabytes, or `{size} B` for bytes"),
    };
    Err(format!("the cache size `{size}` has no unit: write {likely}"))
}

/// A value read from the cache, with the facts of its entry.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CacheEntry<T> {
    /// The value.
    pub value: T,
    /// Where it came from, what it cost, when it was written and read.
    pub facts: Facts,
}

/// Where a loop's cache is, as it travels with the rules.
#[derive(Clone, Serialize, Deserialize)]
pub struct CacheLocation {
    pub(super) name: String,
    /// The endpoint that the actor reported when the loop started, as it was packed.
    pub(super) endpoint: Bytes,
}

impl CacheLocation {
    /// The endpoint, if the cache has one.
    #[must_use]
    pub fn endpoint(&self) -> Option<CacheEndpoint> {
        CacheEndpoint::from_answer(&self.endpoint).ok().flatten()
    }
}

impl fmt::Debug for CacheLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The packed endpoint holds the secret.
        write!(f, "CacheLocation({}, {:?})", self.name, self.endpoint())
    }
}

/// The shared cache of a backend, reached from drivers, tasks and conditions alike.
///
/// Cheap to clone. A cache that died and was started again is found again.
#[derive(Clone)]
pub struct CacheClient {
    backend: Arc<dyn Backend>,
    name: Arc<str>,
    actor: Arc<Mutex<Option<ActorRef>>>,
    direct: Option<Arc<DirectClient>>,
    timeout: Duration,
}

impl CacheClient {
    /// Starts the cache of a backend, or attaches to the living one: the same directory and durability, or
    /// an error that shows both; another budget resizes it.
    ///
    /// # Errors
    /// [`ErrorKind::Cache`] with what stands in the way.
    pub async fn start(backend: Arc<dyn Backend>, options: CacheOptions) -> Result<Self> {
        let (client, location) = Self::attach(backend, options).await?;
        let direct =
            location.endpoint().map(|endpoint| Arc::new(DirectClient::new(Some(endpoint))));
        Ok(Self { direct, ..client })
    }

    /// Starts or attaches, for a loop whose rules tell workers where the cache is.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn settle(backend: Arc<dyn Backend>, options: CacheOptions) -> Result<CacheLocation> {
        Self::attach(backend, options).await.map(|(_, location)| location)
    }

    async fn attach(
        backend: Arc<dyn Backend>,
        options: CacheOptions,
    ) -> Result<(Self, CacheLocation)> {
        let (init, base) = options.init()?;
        let request = init.to_request(base.as_deref())?;
        let spec = ActorSpec {
            name: Some(CACHE_NAME.to_owned()),
            kind: CACHE_KIND.to_owned(),
            init: init.to_bytes()?,
            concurrency: Concurrency::Concurrent(CONCURRENCY),
            lifetime: Lifetime::Detached,
            restarts: u32::MAX,
            options: TaskOptions {
                name: CACHE_NAME.to_owned(),
                placement: Placement::Head,
                ..TaskOptions::default()
            },
        };
        let actor = Arc::new(Mutex::new(Some(backend.actor(spec).await?)));
        let name = CACHE_NAME.into();
        let client = Self { backend, name, actor, direct: None, timeout: TIMEOUT };
        let endpoint = client.call("attach", request, Vec::new()).await?;
        Ok((client, CacheLocation { name: CACHE_NAME.to_owned(), endpoint }))
    }

    /// The cache of a loop, whether or not it is alive now. `direct` is the client of the
    /// location's endpoint, if it has one.
    #[must_use]
    pub fn reach(
        backend: Arc<dyn Backend>,
        location: &CacheLocation,
        direct: Option<Arc<DirectClient>>,
    ) -> Self {
        let name = location.name.as_str().into();
        Self { backend, name, actor: Arc::default(), direct, timeout: TIMEOUT }
    }

    /// The same cache for a caller that gives up after `timeout`: the thread of a direct request ends by then,
    /// and the endpoint counts as lost.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The name of the cache's actor.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keeps a value under a tag, as a manual entry.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`], or a cache that does not answer.
    pub async fn write<T: Value>(&self, tag: &str, value: &T) -> Result<Written> {
        self.write_bytes(tag, codec::encode(value)?, &NewEntry::new(Origin::Manual)).await
    }

    /// Keeps an encoded value under a tag.
    ///
    /// # Errors
    /// A cache that does not answer, or cannot write.
    pub async fn write_bytes(&self, tag: &str, value: Bytes, entry: &NewEntry) -> Result<Written> {
        let request = Request::Write { tag: tag.to_owned().into(), entry: entry.clone() };
        self.request(request, value).await?.0.written()
    }

    /// The value under a tag, if there is one; it counts as used.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is of another type, or a cache that does not answer.
    pub async fn read<T: Value>(&self, tag: &str) -> Result<Option<CacheEntry<T>>> {
        let request = Request::Read { tag: tag.to_owned().into() };
        let (answer, value) = self.request(request, Bytes::new()).await?;
        let entry = |facts| Ok(CacheEntry { value: codec::decode(&value)?, facts });
        answer.found()?.ok().map(entry).transpose()
    }

    /// As [`read`](Self::read), for entries that may stand in for a computation of `function`; or why
    /// there is none.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn replay(
        &self,
        tag: &str,
        function: &str,
    ) -> Result<Result<(Bytes, Facts), String>> {
        let (tag, function) = (tag.to_owned().into(), function.to_owned().into());
        let request = Request::Replay { tag, function };
        let (answer, value) = self.request(request, Bytes::new()).await?;
        Ok(answer.found()?.map(|facts| (value, facts)))
    }

    /// Whether a tag has a value. Does not count as use.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn has(&self, tag: &str) -> Result<bool> {
        let request = Request::Has { tag: tag.to_owned().into() };
        self.request(request, Bytes::new()).await?.0.has()
    }

    /// The facts of an entry, if there is one. Does not count as use.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn facts(&self, tag: &str) -> Result<Option<Facts>> {
        self.ask("facts", &tag).await
    }

    /// Removes an entry; whether there was one.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn evict(&self, tag: &str) -> Result<bool> {
        let request = Request::Evict { tag: tag.into() };
        self.through_backend(&request, Bytes::new()).await?.0.has()
    }

    /// Removes every entry; how many there were.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn flush(&self) -> Result<u64> {
        self.through_backend(&Request::Clear, Bytes::new()).await?.0.removed()
    }

    /// All tags, in no order.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn keys(&self) -> Result<Vec<String>> {
        let ((), keys) = unpack(&self.call("keys", Bytes::new(), Vec::new()).await?)?;
        postcard::from_bytes(&keys).map_err(|error| Error::of(ErrorKind::Protocol, error.into()))
    }

    /// What the entries count against the budget.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn size_bytes(&self) -> Result<u64> {
        self.ask("size_bytes", &()).await
    }

    /// What the store counted since it opened.
    ///
    /// # Errors
    /// A cache that does not answer.
    pub async fn stats(&self) -> Result<Stats> {
        self.through_backend(&Request::Stats, Bytes::new()).await?.0.stats()
    }

    /// Ends the cache: for every loop that shares it. Its entries stay on disk.
    ///
    /// # Errors
    /// A lost backend.
    pub async fn stop(&self) -> Result<()> {
        let found = self.backend.find_actor(&self.name).await?;
        self.forget();
        match found {
            Some(actor) => self.backend.kill_actor(&actor).await,
            None => Ok(()),
        }
    }

    /// Asks the cache directly. Without a direct way, or an answer on it, asks through the backend.
    async fn request(&self, request: Request<'static>, value: Bytes) -> Result<(Answer, Bytes)> {
        let Some(direct) = &self.direct else { return self.through_backend(&request, value).await };
        let request = Arc::new(request);
        if direct.is_open() {
            let (client, request, value) =
                (Arc::clone(direct), Arc::clone(&request), value.clone());
            let timeout = self.timeout;
            let asked = blocking(move || {
                let length = value.len() as u64;
                Ok(client.ask(&request, (length, &|to| to.write_all(&value)), timeout))
            });
            match asked.await? {
                Ok(answer) => return Ok(answer),
                Err(error) => tracing::debug!(%error, "the cache does not answer directly"),
            }
        }
        let answer = self.through_backend(&request, value).await?;
        if direct.take_reconnect_slot() {
            // The next request is served either way.
            let reported = tokio::time::timeout(
                ENDPOINT_TIMEOUT,
                self.call("endpoint", Bytes::new(), Vec::new()),
            )
            .await;
            let endpoint = reported
                .ok()
                .and_then(|reported| CacheEndpoint::from_answer(&reported.ok()?).ok()?);
            direct.set_endpoint(endpoint);
        }
        Ok(answer)
    }

    async fn through_backend(
        &self,
        request: &Request<'_>,
        value: Bytes,
    ) -> Result<(Answer, Bytes)> {
        let (payload, args) = if value.len() <= INLINE {
            (pack(request, &value)?, Vec::new())
        } else {
            (pack(request, &[])?, vec![self.backend.put(value).await?])
        };
        unpack(&self.call(request.method(), payload, args).await?)
    }

    async fn ask<A: Serialize + Sync, R: DeserializeOwned>(
        &self,
        method: &str,
        about: &A,
    ) -> Result<R> {
        Ok(unpack(&self.call(method, pack(about, &[])?, Vec::new()).await?)?.0)
    }

    async fn call(
        &self,
        method: &str,
        payload: Bytes,
        args: Vec<chia_dispatch::backend::ObjectRef>,
    ) -> Result<Bytes> {
        let actor = self.actor().await?;
        let call = ActorCall { method: method.to_owned(), payload, args };
        let result = match self.backend.call_actor(&actor, call).await {
            Ok(answer) => self.backend.get(&answer).await,
            Err(error) => Err(error),
        };
        result.inspect_err(|error| {
            if error.kind() == ErrorKind::ActorDied {
                self.forget();
            }
        })
    }

    async fn actor(&self) -> Result<ActorRef> {
        let known = self.actor.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.backend.find_actor(&self.name).await?.ok_or_else(|| {
            let message = "no cache is running: start one, or start the stopped one again";
            Error::new(ErrorKind::Cache, message)
        })?;
        *self.actor.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    fn forget(&self) {
        *self.actor.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl fmt::Debug for CacheClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheClient({})", self.name)
    }
}
