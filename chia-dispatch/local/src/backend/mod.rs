//! The backend as the driver sees it, and as each task sees it.

mod builder;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Capabilities, Node, ObjectRef, Task,
};
use chia_dispatch::{Host, Result};

pub use self::builder::LocalBackendBuilder;
use self::builder::machine;
use crate::engine::{Engine, Lease, actor};
use crate::state::Cell;

/// Runs tasks and actors in this process.
///
/// Started by [`builder`](Self::builder), or for [this machine](Self::machine). Tasks see the same
/// type through their context, with their own waits known to it.
pub struct LocalBackend {
    pub(crate) engine: Arc<Engine>,
    role: Role,
}

/// Whose view of the backend this is.
enum Role {
    /// The program. The backend ends with it.
    Driver,
    /// A task or an actor, with the lease of its resources.
    Task(Arc<Lease>),
}

impl LocalBackend {
    /// Nodes first, then [`start`](LocalBackendBuilder::start).
    #[must_use]
    pub fn builder() -> LocalBackendBuilder {
        LocalBackendBuilder::default()
    }

    /// One node, `local`, with this machine's cores and memory.
    ///
    /// # Errors
    /// As [`LocalBackendBuilder::start`].
    pub fn machine(host: Arc<dyn Host>) -> Result<Arc<Self>> {
        Self::builder().node("local", machine()).start(host)
    }

    fn driver(engine: Arc<Engine>) -> Self {
        Self { engine, role: Role::Driver }
    }

    fn task(engine: Arc<Engine>, lease: Arc<Lease>) -> Arc<dyn Backend> {
        Arc::new(Self { engine, role: Role::Task(lease) })
    }

    /// Waits for a cell's outcome. A task lends its `cpu` meanwhile.
    async fn wait(&self, cell: &Arc<Cell>) -> Result<Bytes> {
        match &self.role {
            Role::Task(lease) if cell.outcome().is_none() => lease.wait(cell).await?,
            _ => {}
        }
        cell.wait().await.clone()
    }
}

impl Drop for LocalBackend {
    fn drop(&mut self) {
        if matches!(self.role, Role::Driver) {
            self.engine.close();
        }
    }
}

impl fmt::Debug for LocalBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBackend").field("nodes", &self.engine.nodes()).finish_non_exhaustive()
    }
}

fn reference(cell: Arc<Cell>) -> ObjectRef {
    ObjectRef::new(cell.id, cell)
}

#[async_trait]
impl Backend for LocalBackend {
    fn name(&self) -> &str {
        "local"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn submit(&self, task: Task) -> Result<ObjectRef> {
        self.engine.submit(task).map(reference)
    }

    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        self.engine.check_open()?;
        Ok(reference(self.engine.put(value)))
    }

    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        self.engine.check_open()?;
        let cell = self.engine.cell(object)?;
        self.wait(&cell).await
    }

    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        self.engine.check_open()?;
        Ok(self.engine.cell(object)?.outcome().is_some())
    }

    async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        self.engine.check_open()?;
        self.engine.cancel(&*self.engine.cell(object)?);
        Ok(())
    }

    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        let actor = actor::living_or_new(&self.engine, spec)?;
        self.wait(actor.construction()).await?;
        Ok(actor::reference(actor))
    }

    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
        self.engine.check_open()?;
        Ok(self.engine.actors.find(name).map(actor::reference))
    }

    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
        self.engine.check_open()?;
        let actor = actor::of(&self.engine, actor)?;
        actor::call(&actor, call).map(reference)
    }

    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.engine.check_open()?;
        actor::of(&self.engine, actor)?.kill();
        Ok(())
    }

    async fn nodes(&self) -> Result<Vec<Node>> {
        self.engine.check_open()?;
        Ok(self.engine.nodes())
    }

    async fn shutdown(&self) -> Result<()> {
        self.engine.close();
        Ok(())
    }
}
