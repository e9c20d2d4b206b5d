//! A backend that is right but for one fault.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Capabilities, Node, ObjectRef, Task,
};
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext};
use tokio::sync::watch;

pub(crate) type Inner = Arc<dyn Backend>;

/// What is wrong: overrides one of these, all others do what is right.
#[async_trait]
pub(crate) trait Fault: Send + Sync + 'static {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        inner.submit(task).await
    }
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        inner.get(object).await
    }
    async fn is_ready(&self, inner: &Inner, object: &ObjectRef) -> Result<bool> {
        inner.is_ready(object).await
    }
    async fn cancel(&self, inner: &Inner, object: &ObjectRef) -> Result<()> {
        inner.cancel(object).await
    }
    async fn actor(&self, inner: &Inner, spec: ActorSpec) -> Result<ActorRef> {
        inner.actor(spec).await
    }
    async fn find_actor(&self, inner: &Inner, name: &str) -> Result<Option<ActorRef>> {
        inner.find_actor(name).await
    }
    async fn call_actor(
        &self,
        inner: &Inner,
        actor: &ActorRef,
        call: ActorCall,
    ) -> Result<ObjectRef> {
        inner.call_actor(actor, call).await
    }
    async fn kill_actor(&self, inner: &Inner, actor: &ActorRef) -> Result<()> {
        inner.kill_actor(actor).await
    }
    async fn shutdown(&self, inner: &Inner) -> Result<()> {
        inner.shutdown().await
    }
    /// Runs a task on the worker's side.
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        host.run(job, context).await
    }
    /// Makes an actor on the worker's side.
    async fn make(
        &self,
        host: &Arc<dyn Host>,
        kind: &str,
        init: Bytes,
        context: TaskContext,
    ) -> Result<Box<dyn Actor>> {
        host.actor(kind, init, context).await
    }
    /// Runs a method on the worker's side.
    async fn method(
        &self,
        actor: &dyn Actor,
        name: &str,
        payload: Bytes,
        args: Vec<Bytes>,
    ) -> Result<Bytes> {
        actor.call(name, payload, args).await
    }
}

/// The driver's side of a faulty backend.
pub(crate) struct Faulty {
    pub(crate) inner: Inner,
    pub(crate) fault: Arc<dyn Fault>,
}

#[async_trait]
impl Backend for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn submit(&self, task: Task) -> Result<ObjectRef> {
        self.fault.submit(&self.inner, task).await
    }
    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        self.inner.put(value).await
    }
    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        self.fault.get(&self.inner, object).await
    }
    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        self.fault.is_ready(&self.inner, object).await
    }
    async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        self.fault.cancel(&self.inner, object).await
    }
    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        self.fault.actor(&self.inner, spec).await
    }
    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
        self.fault.find_actor(&self.inner, name).await
    }
    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
        self.fault.call_actor(&self.inner, actor, call).await
    }
    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.fault.kill_actor(&self.inner, actor).await
    }
    async fn nodes(&self) -> Result<Vec<Node>> {
        self.inner.nodes().await
    }
    async fn shutdown(&self) -> Result<()> {
        self.fault.shutdown(&self.inner).await
    }
}

/// The worker's side of a faulty backend.
pub(crate) struct FaultyHost {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) fault: Arc<dyn Fault>,
}

#[async_trait]
impl Host for FaultyHost {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        self.fault.run(&self.host, job, context).await
    }
    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        let actor = self.fault.make(&self.host, kind, init, context).await?;
        Ok(Box::new(FaultyActor { actor, fault: Arc::clone(&self.fault) }))
    }
}

struct FaultyActor {
    actor: Box<dyn Actor>,
    fault: Arc<dyn Fault>,
}

#[async_trait]
impl Actor for FaultyActor {
    async fn call(&self, name: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        self.fault.method(&*self.actor, name, payload, args).await
    }
}

/// Objects whose making is put off, for faults that need it: a layer between a fault and the
/// backend which is right.
pub(crate) struct Deferring(pub(crate) Inner);

struct Deferred {
    made: watch::Receiver<Option<Result<ObjectRef>>>,
    _guard: Box<dyn Any + Send + Sync>,
}

/// An object that is handed in when `making` is done.
pub(crate) fn deferred(
    id: chia_dispatch::backend::ObjectId,
    making: impl Future<Output = Result<ObjectRef>> + Send + 'static,
) -> ObjectRef {
    let (sender, made) = watch::channel(None);
    tokio::spawn(async move { sender.send(Some(making.await)) });
    ObjectRef::new(id, Arc::new(Deferred { made, _guard: Box::new(()) }))
}

/// An object with something that is dropped with its last clone.
pub(crate) fn guarded(object: ObjectRef, guard: impl Any + Send + Sync) -> ObjectRef {
    let (id, (_, made)) = (object.id(), watch::channel(Some(Ok(object))));
    ObjectRef::new(id, Arc::new(Deferred { made, _guard: Box::new(guard) }))
}

async fn resolve(object: &ObjectRef) -> Result<ObjectRef> {
    let Some(deferred) = object.inner::<Deferred>() else { return Ok(object.clone()) };
    let mut made = deferred.made.clone();
    let made = made.wait_for(Option::is_some).await.map_or(None, |made| made.clone());
    made.unwrap_or_else(|| Err(Error::new(ErrorKind::ShutDown, "nobody makes it any more")))
}

async fn resolve_all(objects: Vec<ObjectRef>) -> Result<Vec<ObjectRef>> {
    let mut resolved = Vec::new();
    for object in objects {
        resolved.push(resolve(&object).await?);
    }
    Ok(resolved)
}

#[async_trait]
impl Backend for Deferring {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    async fn submit(&self, mut task: Task) -> Result<ObjectRef> {
        let late = task.args.iter().find(|arg| arg.inner::<Deferred>().is_some());
        let Some(id) = late.map(ObjectRef::id) else { return self.0.submit(task).await };
        let inner = Arc::clone(&self.0);
        Ok(deferred(id, async move {
            task.args = resolve_all(task.args).await?;
            inner.submit(task).await
        }))
    }
    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        self.0.put(value).await
    }
    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        self.0.get(&resolve(object).await?).await
    }
    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        self.0.is_ready(&resolve(object).await?).await
    }
    async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        self.0.cancel(&resolve(object).await?).await
    }
    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        self.0.actor(spec).await
    }
    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
        self.0.find_actor(name).await
    }
    async fn call_actor(&self, actor: &ActorRef, mut call: ActorCall) -> Result<ObjectRef> {
        call.args = resolve_all(call.args).await?;
        self.0.call_actor(actor, call).await
    }
    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.0.kill_actor(actor).await
    }
    async fn nodes(&self) -> Result<Vec<Node>> {
        self.0.nodes().await
    }
    async fn shutdown(&self) -> Result<()> {
        self.0.shutdown().await
    }
}
