//! Our calls, in every way that a rule can make of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chia_loop::cache::Durability;
use chia_loop::rules::Config;
use chia_loop::{
    Blob, CacheOptions, Chia, Condition, Function, Handle, Provider, Registry, Result, Shown, Site,
};
use chia_ray::{RayBackend, RayOptions};

const RULES: &str = "
cache: {kept: true, kept_blob: true, replayed: true, checked: true}
bypass: {provided: true, replayed: true, checked: {bypass: true, check: true}}
";

/// What becomes of a call.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Untagged,
    Uncached,
    Cached,
    Provided,
    Replayed,
    /// Replayed, when nothing that is checked differs.
    Checked,
}

macro_rules! same {
    ($($constant:ident $name:literal)*) => {
        $(static $constant: Function<(u64,), u64> = Function::new($name, &same).cpu(1.0);)*
    };
}
same! { PLAIN "plain" KEPT "kept" PROVIDED "provided" REPLAYED "replayed" CHECKED "checked" }

fn same(number: u64) -> u64 {
    number
}

static BLOB: Function<(u64,), Blob> = Function::new("blob", &blob).cpu(1.0);
static KEPT_BLOB: Function<(u64,), Blob> = Function::new("kept_blob", &blob).cpu(1.0);

fn blob(bytes: u64) -> Blob {
    Blob::from(vec![7; bytes as usize])
}

static FIXED: Provider<(u64,), u64> = Provider::new("fixed", &fixed);

fn fixed(_site: Site, (number,): (u64,)) -> u64 {
    number
}

static ALWAYS: Condition<(u64,)> = Condition::new("always", &always);

fn always(_site: Site, _args: (Shown<u64>,)) -> bool {
    true
}

/// All that the workers of these benchmarks can run.
pub(super) fn registry() -> Registry {
    Registry::new()
        .function(&PLAIN)
        .function(&KEPT)
        .function(&PROVIDED)
        .function(&REPLAYED)
        .function(&CHECKED)
        .function(&BLOB)
        .function(&KEPT_BLOB)
        .provider(&FIXED)
        .condition(&ALWAYS)
}

/// A loop with rules and a cache on the cluster.
pub(super) struct Loop {
    chia: Chia,
    calls: AtomicU64,
}

impl Loop {
    pub(super) async fn start(
        address: &str,
        folder: &Path,
        durability: Durability,
    ) -> Result<Self> {
        let config = Config::parse(RULES, "the benchmark's rules", folder).expect("they are right");
        let ray = RayBackend::connect(RayOptions::cluster(address)).await?;
        let cache = folder.join(durability.to_string());
        let cache = CacheOptions::new("4 GB", cache).durability(durability);
        let builder = Chia::builder(registry()).backend(Arc::new(ray)).config(config).cache(cache);
        let chia = builder.start().await?;
        chia.set_provider(&PROVIDED, &FIXED)?;
        chia.replay(&REPLAYED)?;
        chia.set_condition(&REPLAYED, &ALWAYS)?;
        chia.replay(&CHECKED)?;
        chia.set_condition(&CHECKED, &ALWAYS)?;
        let this = Self { chia, calls: AtomicU64::new(0) };
        this.call(Way::Replayed).await?.get().await?;
        this.call(Way::Checked).await?.get().await?;
        Ok(this)
    }

    pub(super) async fn stop(self) -> Result<()> {
        if let Some(cache) = self.chia.cache() {
            cache.stop().await?;
        }
        self.chia.shutdown().await
    }

    /// `times` calls one after another.
    pub(super) async fn round_trips(&self, way: Way, times: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            let handle = self.call(way).await.expect("the call is dispatched");
            handle.get().await.expect("the call succeeds");
        }
        start.elapsed()
    }

    /// `times` calls at the same time.
    pub(super) async fn flight(&self, way: Way, times: u64) -> Duration {
        let start = Instant::now();
        let mut handles = Vec::new();
        for _ in 0..times {
            handles.push(self.call(way).await.expect("the call is dispatched"));
        }
        for handle in handles {
            handle.get().await.expect("the call succeeds");
        }
        start.elapsed()
    }

    /// One large result.
    pub(super) async fn large(&self, way: Way, bytes: u64) -> Result<()> {
        let function = if matches!(way, Way::Cached) { &KEPT_BLOB } else { &BLOB };
        let call = self.chia.call(function, (bytes,)).tag(self.tag());
        call.dispatch().await?.get().await.map(drop)
    }

    async fn call(&self, way: Way) -> Result<Handle<u64>> {
        let function = match way {
            Way::Untagged | Way::Uncached => &PLAIN,
            Way::Cached => &KEPT,
            Way::Provided => &PROVIDED,
            Way::Replayed => &REPLAYED,
            Way::Checked => &CHECKED,
        };
        let call = self.chia.call(function, (1,));
        match way {
            Way::Untagged => call.dispatch().await,
            Way::Replayed => call.tag("replayed").dispatch().await,
            Way::Checked => call.tag("checked").dispatch().await,
            _ => call.tag(self.tag()).dispatch().await,
        }
    }

    /// A tag that no other call has.
    fn tag(&self) -> String {
        format!("call{}", self.calls.fetch_add(1, Ordering::Relaxed))
    }
}
