//! Serves requests that come over a socket with a [`Backend`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::client::lock;
use super::frame::{Frame, Kind, protocol};
use super::link::Link;
use super::request::{Request, SubmittedTask};
use super::shared::Kept;
use super::spec;
use crate::backend::{ActorCall, ActorRef, Backend, ObjectRef, Shared, Task};
use crate::error::{Error, ErrorKind, Result};

/// What the tasks of one worker process have asked for.
#[derive(Default)]
pub(crate) struct Nested {
    /// The backend as each task sees it.
    backends: Mutex<HashMap<u64, Arc<dyn Backend>>>,
    objects: Mutex<HashMap<u64, Result<ObjectRef>>>,
    actors: Mutex<HashMap<u64, ActorRef>>,
    kept: Mutex<Kept>,
}

/// A task that may make requests until this is dropped.
pub(crate) struct Entered<'n> {
    nested: &'n Nested,
    pub(crate) id: u64,
}

impl Entered<'_> {
    /// Lets it make requests for as long as the worker lives.
    pub(crate) fn keep(self) -> u64 {
        let id = self.id;
        std::mem::forget(self);
        id
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.nested.leave(self.id);
    }
}

impl Nested {
    /// From now on `backend` serves what the task of this number asks.
    pub(crate) fn enter(&self, id: u64, backend: Arc<dyn Backend>) -> Entered<'_> {
        lock(&self.backends).insert(id, backend);
        Entered { nested: self, id }
    }

    /// What the task of this number asks is refused from now on.
    pub(crate) fn leave(&self, id: u64) {
        lock(&self.backends).remove(&id);
    }

    /// A blob that the worker was sent, and may name in what it asks.
    pub(crate) fn learn(&self, shared: Shared) {
        lock(&self.kept).learn(shared);
    }

    /// Starts serving, in the order of the frames; what waits does so on the side.
    pub(crate) fn serve(self: Arc<Self>, link: Weak<Link>) -> mpsc::UnboundedSender<Frame> {
        let (sender, mut frames) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                let Some(link) = link.upgrade() else { break };
                if let Err(error) = self.take(&frame, &link).await {
                    link.reply(frame.id, Err(error));
                }
            }
        });
        sender
    }

    async fn take(self: &Arc<Self>, frame: &Frame, link: &Arc<Link>) -> Result<()> {
        if frame.kind == Kind::Share {
            return lock(&self.kept).keep(frame).map(drop);
        }
        let request = Request::decode(frame)?;
        if let Request::Release { id } = request {
            lock(&self.objects).remove(&id);
            lock(&self.actors).remove(&id);
            return Ok(());
        }
        let backend = lock(&self.backends).get(&frame.task).cloned();
        let ended = || Error::new(ErrorKind::Cancelled, "the task that asked has ended");
        let backend = backend.ok_or_else(ended)?;
        match request {
            Request::Submit { object, task } => {
                let submitted = match self.task(task) {
                    Ok(task) => backend.submit(task).await,
                    Err(error) => Err(error),
                };
                lock(&self.objects).insert(object, submitted);
            }
            Request::Put { object, value } => {
                let put = backend.put(value).await;
                lock(&self.objects).insert(object, put);
            }
            Request::CallActor { object, actor, method, payload, args } => {
                let called = match (self.actor(actor), self.args(&args)) {
                    (Ok(actor), Ok(args)) => {
                        backend.call_actor(&actor, ActorCall { method, payload, args }).await
                    }
                    (Err(error), _) | (_, Err(error)) => Err(error),
                };
                lock(&self.objects).insert(object, called);
            }
            Request::Cancel { object } => backend.cancel(&self.object(object)?).await?,
            other => {
                let (this, link) = (Arc::clone(self), Arc::clone(link));
                tokio::spawn(async move { this.wait(other, &*backend, &link).await });
            }
        }
        Ok(())
    }

    /// Serves what may take its time, and answers it.
    async fn wait(&self, request: Request, backend: &dyn Backend, link: &Link) {
        let (id, outcome) = match request {
            Request::Get { request, object } => (request, self.get(object, backend).await),
            Request::Ready { request, object } => (request, self.is_ready(object, backend).await),
            Request::Actor { actor, spec } => {
                let made = backend.actor(spec).await;
                (actor, made.map(|made| self.know(actor, made)))
            }
            Request::FindActor { actor, name } => {
                let found = backend.find_actor(&name).await;
                (
                    actor,
                    found.map(|found| flag(found.map(|found| self.know(actor, found)).is_some())),
                )
            }
            Request::KillActor { request, actor } => {
                let killed = match self.actor(actor) {
                    Ok(actor) => backend.kill_actor(&actor).await,
                    Err(error) => Err(error),
                };
                (request, killed.map(|()| Bytes::new()))
            }
            Request::Nodes { request } => {
                (request, backend.nodes().await.map(|nodes| spec::nodes_to_json(&nodes).into()))
            }
            Request::Shutdown { request } => {
                (request, backend.shutdown().await.map(|()| Bytes::new()))
            }
            _ => return,
        };
        link.reply(id, outcome);
    }

    async fn get(&self, object: u64, backend: &dyn Backend) -> Result<Bytes> {
        backend.get(&self.object(object)?).await
    }

    async fn is_ready(&self, object: u64, backend: &dyn Backend) -> Result<Bytes> {
        match self.object(object) {
            Ok(object) => backend.is_ready(&object).await.map(flag),
            Err(_) => Ok(flag(true)),
        }
    }

    fn know(&self, id: u64, actor: ActorRef) -> Bytes {
        lock(&self.actors).insert(id, actor);
        Bytes::new()
    }

    fn task(&self, task: SubmittedTask) -> Result<Task> {
        let SubmittedTask { shared, options, args, entry, payload } = task;
        let shared = lock(&self.kept).find(shared)?;
        Ok(Task { entry, payload, args: self.args(&args)?, shared, options })
    }

    fn args(&self, ids: &[u64]) -> Result<Vec<ObjectRef>> {
        ids.iter().map(|id| self.object(*id)).collect()
    }

    fn object(&self, id: u64) -> Result<ObjectRef> {
        let unknown = || Err(protocol(format!("the number of no object, {id}")));
        lock(&self.objects).get(&id).cloned().unwrap_or_else(unknown)
    }

    fn actor(&self, id: u64) -> Result<ActorRef> {
        let unknown = || protocol(format!("the number of no actor, {id}"));
        lock(&self.actors).get(&id).cloned().ok_or_else(unknown)
    }
}

fn flag(yes: bool) -> Bytes {
    Bytes::from_static(if yes { &[1] } else { &[0] })
}
