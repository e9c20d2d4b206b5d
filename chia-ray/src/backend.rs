//! The backend.

use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Capabilities, Node, ObjectRef, Task,
};
use chia_dispatch::{Error, ErrorKind, Result};
use chia_wire::Client;

use crate::bridge::{self, Bridge};
use crate::options::RayOptions;

/// A Ray cluster as a [`Backend`].
///
/// Tasks run on the cluster's workers, in processes of this very program, which
/// [`run_if_worker`](chia_wire::run_if_worker) turns into workers. Results stay in the
/// cluster until somebody asks for them.
///
/// Dropping the backend ends what runs; detached actors stay.
pub struct RayBackend {
    client: Client,
    bridge: Mutex<Option<Bridge>>,
}

impl RayBackend {
    /// Connects to a cluster, or starts a private one.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when there is no Python, no package, no Ray or no
    /// cluster, [`Unsupported`](ErrorKind::Unsupported) when versions do not fit; the message says
    /// which, within seconds.
    pub async fn connect(options: RayOptions) -> Result<Self> {
        let started = tokio::task::spawn_blocking(move || bridge::start(&options)).await;
        let cut =
            |error| Error::new(ErrorKind::Unavailable, "connecting was cut off").with_source(error);
        let (bridge, client) = started.map_err(cut)??;
        Ok(Self { client, bridge: Mutex::new(Some(bridge)) })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Backend for RayBackend {
    fn name(&self) -> &str {
        self.client.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.client.capabilities()
    }

    async fn submit(&self, task: Task) -> Result<ObjectRef> {
        self.client.submit(task).await
    }

    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        self.client.put(value).await
    }

    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        self.client.get(object).await
    }

    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        self.client.is_ready(object).await
    }

    async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        self.client.cancel(object).await
    }

    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        self.client.actor(spec).await
    }

    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
        self.client.find_actor(name).await
    }

    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
        self.client.call_actor(actor, call).await
    }

    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.client.kill_actor(actor).await
    }

    async fn nodes(&self) -> Result<Vec<Node>> {
        self.client.nodes().await
    }

    async fn shutdown(&self) -> Result<()> {
        let done = self.client.shutdown().await;
        let bridge = self.bridge.lock().ok().and_then(|mut bridge| bridge.take());
        if let Some(bridge) = bridge {
            tokio::task::spawn_blocking(move || bridge.end()).await.ok();
        }
        done
    }
}
