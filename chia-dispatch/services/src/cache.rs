//! The cache as an actor: one store, shared by every driver and worker (R21).

use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_cache::{ByteSize, Durability, Options, Policy, Store};
use chia_dispatch::{Actor, Error, ErrorKind, Result, TaskContext};
use serde::{Deserialize, Serialize};

use super::direct::{self, CacheEndpoint, Request, Secret, Sent, Served};
use super::overlay::{OverlayStore, same};
use super::{blocking, metrics, owner, unknown_method, warnings};
use crate::message::{pack, unpack};

/// The kind of actor that holds the cache.
pub const CACHE_KIND: &str = "chia.cache";

/// The calls that the cache takes at once, and the direct requests that it serves at once.
pub(super) const CONCURRENCY: u32 = 32;

/// What the cache actor is opened with, and what an attaching loop asks of a living one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheInit {
    /// The directory: the cache's identity. On the node that the cache runs on.
    pub dir: PathBuf,
    /// The byte budget.
    pub budget: ByteSize,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// How long to wait for another holder of the directory.
    pub lock_wait: Duration,
    /// Which entries leave first; `None` for what the store has.
    pub policy: Option<Policy>,
    /// Whether the budget may evict more than a tenth of the entries at once.
    pub allow_shrink: bool,
}

impl CacheInit {
    /// What was packed for [`open_cache`].
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](chia_dispatch::ErrorKind::Protocol) when it cannot be read.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self> {
        unpack(bytes).map(|(init, _)| init)
    }

    /// What a loop asks of a living cache (its method `attach`): this, and the base that the cache is to
    /// be an overlay of.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](chia_dispatch::ErrorKind::Protocol) when it cannot be packed.
    pub fn to_request(&self, base: Option<&Path>) -> Result<Bytes> {
        pack(self, base.map_or(&[], |base| base.as_os_str().as_bytes()))
    }

    /// What [`to_request`](Self::to_request) packed.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](chia_dispatch::ErrorKind::Protocol) when it cannot be read.
    pub fn from_request(request: &Bytes) -> Result<(Self, Option<PathBuf>)> {
        let (init, base) = unpack(request)?;
        Ok((init, (!base.is_empty()).then(|| Path::new(OsStr::from_bytes(&base)).to_owned())))
    }

    /// As [`open_cache`] takes it.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](chia_dispatch::ErrorKind::Protocol) when it cannot be packed.
    pub fn to_bytes(&self) -> Result<Bytes> {
        pack(self, &[])
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`ErrorKind::Cache`] when it does not open.
    pub fn open(&self) -> Result<Store> {
        let mut options = Options::new(self.budget)
            .durability(self.durability)
            .lock_wait(self.lock_wait)
            .allow_shrink(self.allow_shrink);
        if let Some(policy) = self.policy {
            options = options.policy(policy);
        }
        let store = Store::open(&self.dir, options).map_err(failed)?;
        let report = store.open_report();
        if report.is_notable() {
            warnings::report(false, || {
                tracing::warn!(dir = %self.dir.display(), "opening the cache found: {report}");
            });
        }
        if let Err(error) = owner::serve(&store) {
            warnings::report(false, || {
                tracing::warn!(%error, "`chia-cache` cannot change this cache while it is open");
            });
        }
        if let Err(error) = metrics::serve_if_asked(&store) {
            warnings::report(false, || {
                tracing::warn!(%error, "the counters of the cache are not served");
            });
        }
        Ok(store)
    }
}

/// Opens the cache actor from a packed [`CacheInit`].
///
/// # Errors
/// [`ErrorKind::Cache`] when the store does not open.
pub fn open_cache(init: Bytes, _context: TaskContext) -> Result<Box<dyn Actor>> {
    CacheInit::from_bytes(&init)?.open().map(serve_cache)
}

/// Serves a store that is open already, for hosts that use it in other ways as well.
#[must_use]
pub fn serve_cache(store: impl Into<OverlayStore>) -> Box<dyn Actor> {
    Box::new(CacheActor { store: Some(store.into()), endpoint: None })
}

/// As [`serve_cache`], with a [`CacheEndpoint`] on an address of this machine, opened at the first
/// request for it. The secret must be random; every caller of the actor gets it.
#[must_use]
pub fn serve_cache_at(
    store: impl Into<OverlayStore>,
    host: IpAddr,
    secret: Secret,
) -> Box<dyn Actor> {
    let lazy = LazyEndpoint { host, secret, endpoint: OnceLock::new() };
    Box::new(CacheActor { store: Some(store.into()), endpoint: Some(lazy.into()) })
}

/// Closing a store writes what is pending, so the last one is dropped off the runtime's threads.
impl Drop for CacheActor {
    fn drop(&mut self) {
        if let (Some(store), Ok(runtime)) =
            (self.store.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn_blocking(move || drop(store));
        }
    }
}

/// The actor itself: requests in, answers out.
struct CacheActor {
    /// Set until the actor is dropped.
    store: Option<OverlayStore>,
    endpoint: Option<Arc<LazyEndpoint>>,
}

/// The endpoint, which is opened at its first use.
struct LazyEndpoint {
    host: IpAddr,
    secret: Secret,
    endpoint: OnceLock<Option<CacheEndpoint>>,
}

impl LazyEndpoint {
    /// The endpoint, opened now if it never was. Without one all requests go through the backend.
    fn endpoint(&self, store: &OverlayStore) -> Option<&CacheEndpoint> {
        let open = || {
            let opened = direct::open(Served::Open(store.clone()), self.host, self.secret);
            opened
                .inspect_err(|error| {
                    warnings::report(
                        false,
                        || tracing::warn!(%error, "the cache opens no endpoint"),
                    );
                })
                .ok()
        };
        self.endpoint.get_or_init(open).as_ref()
    }
}

#[async_trait]
impl Actor for CacheActor {
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        let closed = || Error::new(ErrorKind::Cache, "the cache is being closed");
        let store = self.store.clone().ok_or_else(closed)?;
        let lazy = self.endpoint.clone();
        let endpoint = move |store: &OverlayStore| {
            CacheEndpoint::to_answer(lazy.as_deref().and_then(|lazy| lazy.endpoint(store)))
        };
        match method {
            "size_bytes" => pack(&store.own().size_bytes(), &[]),
            "attach" => {
                blocking(move || attach(&store, &payload).and_then(|()| endpoint(&store))).await
            }
            "endpoint" => blocking(move || endpoint(&store)).await,
            "write" | "read" | "replay" | "has" | "manage" => {
                blocking(move || respond(&store, &payload, args.into_iter().next())).await
            }
            "facts" | "keys" => {
                let method = method.to_owned();
                blocking(move || list(&store, &method, &payload)).await
            }
            _ => Err(unknown_method("cache", method)),
        }
    }
}

/// A loop that starts the cache meets a living one: the same directory, durability and base, or an
/// error that shows both; another budget resizes it.
fn attach(cache: &OverlayStore, payload: &Bytes) -> Result<()> {
    let (wanted, base) = CacheInit::from_request(payload)?;
    let store = cache.own();
    let differs = |what: &str, living: &dyn std::fmt::Display, wanted: &dyn std::fmt::Display| {
        let message = format!(
            "a cache is running with {what} {living}, this loop asks for {wanted}: stop the one or \
             change the other"
        );
        Error::new(ErrorKind::Cache, message)
    };
    if !same(store.dir(), &wanted.dir) {
        return Err(differs("directory", &store.dir().display(), &wanted.dir.display()));
    }
    if store.durability() != wanted.durability {
        return Err(differs("durability", &store.durability(), &wanted.durability));
    }
    if let Some(policy) = wanted.policy.filter(|policy| *policy != store.policy()) {
        return Err(differs("eviction policy", &store.policy(), &policy));
    }
    cache.attach(base.as_deref())?;
    let before = store.budget();
    if before != wanted.budget {
        let evicted = store.resize(wanted.budget, wanted.allow_shrink).map_err(failed)?;
        tracing::info!(%before, now = %wanted.budget, evicted, "the running cache was resized");
    }
    Ok(())
}

/// Answers a request as the socket does. A large value came as an object of its own.
fn respond(store: &OverlayStore, payload: &Bytes, object: Option<Bytes>) -> Result<Bytes> {
    let (request, inline): (Request<'_>, Bytes) = unpack(payload)?;
    let value = Sent::Whole(object.unwrap_or(inline));
    let (answer, found) = direct::respond(store, &request, value);
    pack(&answer, &found)
}

/// The facts of an entry, or all tags.
fn list(store: &OverlayStore, method: &str, payload: &Bytes) -> Result<Bytes> {
    if method == "facts" {
        let (tag, _) = unpack::<String>(payload)?;
        return pack(&store.facts(&tag).map_err(failed)?, &[]);
    }
    let keys = postcard::to_stdvec(&store.keys().map_err(failed)?);
    pack(&(), &keys.map_err(|error| Error::of(ErrorKind::Encode, error.into()))?)
}

fn failed(error: chia_cache::Error) -> Error {
    Error::of(ErrorKind::Cache, error.into())
}
