//! A cache with an endpoint: requests go there, and through the backend where that is not possible.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::Actor;
use chia_dispatch::backend::{ActorSpec, Concurrency, Lifetime, TaskOptions};
use chia_loop::cache::{ByteSize, Durability};
use chia_loop::{
    Backend, CacheOptions, CacheWrite, Chia, LocalBackend, Resources, Result, Source, Worker,
};
use chia_services::{CacheInit, message, serve_cache_at};

use crate::program::{CACHE_HIT, FRESH, READ_CACHE, registry};

const RULES: &str = "cache: {fresh: true}\nbypass: {fresh: {bypass: true, tags: ['again.*']}}\n";

/// The calls that came through the backend.
type Calls = Arc<Mutex<Vec<String>>>;

/// A cache with an endpoint that records its calls, may answer an attaching loop something else, and may
/// never answer one method.
struct Noted {
    cache: Box<dyn Actor>,
    calls: Calls,
    attached: Option<Bytes>,
    unanswered: &'static str,
}

#[async_trait]
impl Actor for Noted {
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        self.calls.lock().unwrap().push(method.to_owned());
        match (&self.attached, method) {
            (Some(answer), "attach") => Ok(answer.clone()),
            _ if method == self.unanswered => std::future::pending().await,
            _ => self.cache.call(method, payload, args).await,
        }
    }
}

/// A loop whose cache has an endpoint.
async fn start(dir: &Path, attached: Option<Bytes>, unanswered: &'static str) -> (Chia, Calls) {
    let calls = Calls::default();
    let noted = Arc::clone(&calls);
    let registry = registry().actor("noted", move |init, _| {
        let store = CacheInit::from_bytes(&init)?.open()?;
        let cache = serve_cache_at(store, Ipv4Addr::LOCALHOST.into(), [7; 32]);
        let (calls, attached) = (Arc::clone(&noted), attached.clone());
        Ok(Box::new(Noted { cache, calls, attached, unanswered }) as Box<dyn Actor>)
    });
    let worker = Worker::new(registry);
    let head = Resources::from([("cpu", 2.0)]);
    let backend =
        LocalBackend::builder().node("head", head).start(Arc::new(worker.clone())).unwrap();
    let init = CacheInit {
        dir: dir.join("cache"),
        budget: ByteSize::new(1 << 30),
        durability: Durability::Durable,
        lock_wait: Duration::from_secs(10),
        policy: None,
        allow_shrink: false,
    };
    let spec = ActorSpec {
        name: Some("chia.cache".to_owned()),
        kind: "noted".to_owned(),
        init: init.to_bytes().unwrap(),
        concurrency: Concurrency::Concurrent(8),
        lifetime: Lifetime::Detached,
        restarts: 0,
        options: TaskOptions::default(),
    };
    backend.actor(spec).await.unwrap();
    let config = chia_config::Config::parse(RULES, "rules.yaml", dir).unwrap();
    let options = CacheOptions::new("1 GB", init.dir);
    let builder = Chia::builder(worker).backend(backend).config(config).cache(options);
    (builder.start().await.unwrap(), calls)
}

async fn settled(chia: &Chia, tag: &str) -> (u64, Source, CacheWrite) {
    let handle = chia.call(&FRESH, (0,)).tag(tag).dispatch().await.unwrap();
    let value = handle.get().await.unwrap();
    let outcome = handle.outcome().unwrap();
    (value, outcome.source, outcome.write)
}

#[tokio::test(flavor = "multi_thread")]
async fn r21_writes_reads_and_looks_are_direct() {
    let dir = tempfile::tempdir().unwrap();
    let (chia, calls) = start(dir.path(), None, "").await;
    let (value, source, write) = settled(&chia, "again1").await;
    assert_eq!((source, write), (Source::Ran, CacheWrite::Stored));
    chia.replay(&FRESH).unwrap();
    chia.set_condition(&FRESH, &CACHE_HIT).unwrap();
    assert_eq!(settled(&chia, "again1").await, (value, Source::Replayed, CacheWrite::NotAsked));
    chia.set_provider(&FRESH, &READ_CACHE).unwrap();
    assert_eq!(settled(&chia, "again1").await.0, value);
    let cache = chia.cache().unwrap();
    assert_eq!(cache.read::<u64>("again1").await.unwrap().unwrap().value, value);
    assert_eq!(*calls.lock().unwrap(), ["attach"], "nothing else went through the backend");
    assert_eq!(cache.keys().await.unwrap(), ["again1"], "it is one store");
}

/// The answer to an attaching loop.
fn answer(listener: &TcpListener) -> Bytes {
    let address = listener.local_addr().unwrap();
    message::pack(&Some((address, [7_u8; 32])), &[]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r21_an_endpoint_that_is_gone_or_silent_is_found_again_and_no_call_suffers() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let gone = answer(&TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    for endpoint in [gone, answer(&silent)] {
        let dir = tempfile::tempdir().unwrap();
        let (chia, calls) = start(dir.path(), Some(endpoint), "").await;
        for tag in ["a", "b", "c"] {
            assert_eq!(settled(&chia, tag).await.2, CacheWrite::Stored, "{tag}");
        }
        assert!(chia.cache().unwrap().has("c").await.unwrap());
        assert_eq!(
            *calls.lock().unwrap(),
            ["attach", "write", "endpoint"],
            "one took the other way"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_cache_that_does_not_report_its_endpoint_costs_no_result() {
    let dir = tempfile::tempdir().unwrap();
    let gone = answer(&TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let (chia, calls) = start(dir.path(), Some(gone), "endpoint").await;
    assert_eq!(settled(&chia, "a").await.2, CacheWrite::Stored);
    assert_eq!(*calls.lock().unwrap(), ["attach", "write", "endpoint"]);
}
