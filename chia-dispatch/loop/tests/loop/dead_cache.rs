//! A cache that does not answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::Actor;
use chia_dispatch::backend::{ActorSpec, Concurrency, Lifetime, TaskOptions};
use chia_loop::{
    Backend, CacheOptions, CacheWrite, Chia, LocalBackend, Resources, Result, Source, Worker,
};

use crate::program::{FRESH, registry};

/// Lets loops attach, and never answers anything else.
struct Silent;

#[async_trait]
impl Actor for Silent {
    async fn call(&self, method: &str, _payload: Bytes, _args: Vec<Bytes>) -> Result<Bytes> {
        if method != "attach" {
            std::future::pending::<()>().await;
        }
        Ok(Bytes::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_silent_cache_holds_no_call_for_long_and_is_left_alone_after_two_time_outs() {
    let registry = registry().actor("silent", |_, _| Ok(Box::new(Silent) as Box<dyn Actor>));
    let worker = Worker::new(registry);
    let head = Resources::from([("cpu", 1.0)]);
    let backend =
        LocalBackend::builder().node("head", head).start(Arc::new(worker.clone())).unwrap();
    let spec = ActorSpec {
        name: Some("chia.cache".to_owned()),
        kind: "silent".to_owned(),
        init: Bytes::new(),
        concurrency: Concurrency::Concurrent(8),
        lifetime: Lifetime::Detached,
        restarts: 0,
        options: TaskOptions::default(),
    };
    backend.actor(spec).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let rules = "cache: {fresh: true}\nbypass: {fresh: true}\n";
    let config = chia_config::Config::parse(rules, "rules.yaml", dir.path()).unwrap();
    let chia = Chia::builder(worker)
        .backend(backend)
        .config(config)
        .cache(CacheOptions::new("1 MB", dir.path().join("cache")))
        .write_timeout(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let mut writes = Vec::new();
    for tag in ["a", "b", "c"] {
        let handle = chia.call(&FRESH, (0,)).tag(tag).dispatch().await.unwrap();
        handle.timeout(Duration::from_secs(30)).await.unwrap();
        writes.push(handle.outcome().unwrap().write);
    }
    assert_eq!(writes, [CacheWrite::Failed, CacheWrite::Failed, CacheWrite::Suspended]);
    assert_eq!(chia.summary().functions["fresh"].unwritten, 3);
    chia.replay(&FRESH).unwrap();
    let handle = chia.call(&FRESH, (0,)).tag("a").dispatch().await.unwrap();
    handle.timeout(Duration::from_secs(30)).await.unwrap();
    assert_eq!(handle.outcome().unwrap().source, Source::Ran, "an unreachable cache is a miss");
}
