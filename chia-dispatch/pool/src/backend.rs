//! The trait: everything is the in-process backend's, but for its name and its end.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::Result;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Capabilities, Node, ObjectRef, Task,
};

use chia_local::LocalBackend;

use super::identity::{NAME, capabilities};
use super::workers::Workers;

/// Runs each task and each actor in a process of its own, on this machine.
pub struct ProcessPool {
    inner: Arc<LocalBackend>,
    workers: Arc<Workers>,
}

impl ProcessPool {
    pub(super) fn new(inner: Arc<LocalBackend>, workers: Arc<Workers>) -> Self {
        Self { inner, workers }
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool")
            .field("processes", &self.workers.count())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Backend for ProcessPool {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn submit(&self, task: Task) -> Result<ObjectRef> {
        self.inner.submit(task).await
    }

    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        self.inner.put(value).await
    }

    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        self.inner.get(object).await
    }

    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        self.inner.is_ready(object).await
    }

    async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        self.inner.cancel(object).await
    }

    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        self.inner.actor(spec).await
    }

    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
        self.inner.find_actor(name).await
    }

    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
        self.inner.call_actor(actor, call).await
    }

    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.inner.kill_actor(actor).await
    }

    async fn nodes(&self) -> Result<Vec<Node>> {
        self.inner.nodes().await
    }

    async fn shutdown(&self) -> Result<()> {
        self.inner.shutdown().await?;
        self.workers.close().await
    }
}
