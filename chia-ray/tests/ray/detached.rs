//! What outlives its driver: a detached actor, until somebody ends it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use chia_conformance::Layout;
use chia_dispatch::backend::{ActorCall, ActorRef, ActorSpec, Concurrency, Lifetime, TaskOptions};
use chia_dispatch::{Actor, Backend, Result};
use chia_ray::{RayBackend, RayOptions};
use libtest_mimic::Trial;

use crate::fixture::{self, trial};

/// The kind of the actor here, which counts its calls.
pub(crate) const COUNTER: &str = "counter";

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

#[async_trait]
impl Actor for Counter {
    async fn call(&self, _: &str, _: Bytes, _: Vec<Bytes>) -> Result<Bytes> {
        Ok((self.0.fetch_add(1, Ordering::Relaxed) + 1).to_string().into())
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("detached::an_actor_outlives_its_driver", an_actor_outlives_its_driver)]
}

async fn an_actor_outlives_its_driver() -> Result<()> {
    let address = fixture::shared_cluster(Layout::Small).await?.address;
    let namespace = format!("detached-{}", std::process::id());
    let connect = || RayBackend::connect(RayOptions::cluster(&address).namespace(&namespace));
    let first = connect().await?;
    let kept = first.actor(spec("kept", Lifetime::Detached)).await?;
    let passing = first.actor(spec("passing", Lifetime::Driver)).await?;
    assert_eq!(count(&first, &kept).await?, "1");
    assert_eq!(count(&first, &passing).await?, "1");
    first.shutdown().await?;

    let second = connect().await?;
    let kept = second.find_actor("kept").await?.expect("it outlives its driver");
    assert_eq!(count(&second, &kept).await?, "2");
    is_gone(&second, "passing").await?;
    second.kill_actor(&kept).await?;
    is_gone(&second, "kept").await?;
    second.shutdown().await
}

fn spec(name: &str, lifetime: Lifetime) -> ActorSpec {
    ActorSpec {
        name: Some(name.to_owned()),
        kind: COUNTER.to_owned(),
        init: Bytes::new(),
        concurrency: Concurrency::Ordered,
        lifetime,
        restarts: 0,
        options: TaskOptions::default(),
    }
}

async fn count(ray: &RayBackend, actor: &ActorRef) -> Result<Bytes> {
    let call = ActorCall { method: String::new(), payload: Bytes::new(), args: Vec::new() };
    ray.get(&ray.call_actor(actor, call).await?).await
}

/// Waits until a name leads to nobody, which takes Ray a moment.
async fn is_gone(ray: &RayBackend, name: &str) -> Result<()> {
    let start = Instant::now();
    while ray.find_actor(name).await?.is_some() {
        assert!(start.elapsed() < Duration::from_secs(30), "`{name}` is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
