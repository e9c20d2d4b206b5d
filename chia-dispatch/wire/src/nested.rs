//! Serves requests that come over a socket with a [`Backend`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;
use chia_dispatch::backend::{ActorCall, ActorRef, Backend, ObjectRef, Shared, Task};
use chia_dispatch::{Error, ErrorKind, Result, no_foreign};
use tokio::sync::mpsc;

use super::client::lock;
use super::frame::{Frame, Kind, protocol};
use super::link::{Events, Link};
use super::request::{Request, SubmittedTask};
use super::shared::ReceivedBlobs;
use super::spec;

/// The objects and actors that the tasks of one worker process have requested.
#[derive(Default)]
pub(crate) struct Nested {
    objects: Mutex<HashMap<u64, Result<ObjectRef>>>,
    /// `None` while the actor is being made or looked for; a release takes it out even then.
    actors: Mutex<HashMap<u64, Option<ActorRef>>>,
    received: Mutex<ReceivedBlobs>,
}

/// The backend as each task sees it that may make requests.
type Backends = HashMap<u64, Arc<dyn Backend>>;

/// The queue of a worker process's requests, and of the starts and ends of its tasks. One queue, so
/// that a request that was made before its task's answer is served although the answer arrived first.
#[derive(Clone)]
pub(crate) struct Requests(mpsc::UnboundedSender<Event>);

pub(crate) enum Event {
    Enter(u64, Arc<dyn Backend>),
    Ask(Frame),
    Leave(u64),
}

/// A task that may make requests until this is dropped.
pub(crate) struct Entered {
    requests: Requests,
    id: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.requests.leave(self.id);
    }
}

impl Requests {
    /// The queue and its receiver, which is [served](Nested::serve).
    pub(crate) fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, events) = mpsc::unbounded_channel();
        (Self(sender), events)
    }

    /// From now on `backend` serves the requests of the task of this id.
    pub(crate) fn enter(&self, id: u64, backend: Arc<dyn Backend>) -> Entered {
        self.send(Event::Enter(id, backend));
        Entered { requests: self.clone(), id }
    }

    /// From now on the requests of the task of this id are refused.
    pub(crate) fn leave(&self, id: u64) {
        self.send(Event::Leave(id));
    }

    pub(crate) fn send(&self, event: Event) {
        // The receiver is gone only when the runtime is.
        self.0.send(event).ok();
    }
}

/// Every frame of a worker that is no answer is a request.
impl Events for Requests {
    fn frame(&mut self, frame: Frame) -> Result<()> {
        self.send(Event::Ask(frame));
        Ok(())
    }
}

impl Nested {
    /// Remembers a blob that was sent to the worker, which may name it in its requests.
    pub(crate) fn insert(&self, shared: Shared) {
        lock(&self.received).insert(shared);
    }

    /// Serves requests in order; those that wait do so in tasks of their own. Requests are served to
    /// the end, although the worker is gone.
    pub(crate) async fn serve(
        self: Arc<Self>,
        mut events: mpsc::UnboundedReceiver<Event>,
        link: Weak<Link>,
    ) {
        let mut backends = Backends::new();
        while let Some(event) = events.recv().await {
            match event {
                Event::Enter(id, backend) => drop(backends.insert(id, backend)),
                Event::Leave(id) => drop(backends.remove(&id)),
                Event::Ask(frame) => {
                    if let Err(error) = self.take(&frame, &backends, &link).await {
                        answer(&link, frame.id, Err(error)).await;
                    }
                }
            }
        }
    }

    async fn take(
        self: &Arc<Self>,
        frame: &Frame,
        backends: &Backends,
        link: &Weak<Link>,
    ) -> Result<()> {
        if frame.kind == Kind::Share {
            return lock(&self.received).receive(frame).map(drop);
        }
        if frame.kind == Kind::Foreign {
            return Err(no_foreign(&frame.cursor().text()?));
        }
        let request = Request::decode(frame)?;
        if let Request::Release { id } = request {
            lock(&self.objects).remove(&id);
            lock(&self.actors).remove(&id);
            return Ok(());
        }
        let ended = || Error::new(ErrorKind::Cancelled, "the task that asked has ended");
        let backend = backends.get(&frame.task).ok_or_else(ended)?;
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
                if let Request::Actor { actor, .. } | Request::FindActor { actor, .. } = &other {
                    lock(&self.actors).insert(*actor, None);
                }
                let (this, backend, link) = (Arc::clone(self), Arc::clone(backend), link.clone());
                tokio::spawn(async move { this.wait(other, &*backend, &link).await });
            }
        }
        Ok(())
    }

    /// Serves a request that may take long, and answers it.
    async fn wait(&self, request: Request, backend: &dyn Backend, link: &Weak<Link>) {
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
        answer(link, id, outcome).await;
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

    /// Keeps an actor for the worker, unless the worker has released it already.
    fn know(&self, id: u64, actor: ActorRef) -> Bytes {
        let mut actors = lock(&self.actors);
        let unwanted = match actors.get_mut(&id) {
            Some(slot) => slot.replace(actor),
            None => Some(actor),
        };
        drop(actors);
        drop(unwanted);
        Bytes::new()
    }

    fn task(&self, task: SubmittedTask) -> Result<Task> {
        let SubmittedTask { shared, options, args, entry, payload } = task;
        let shared = lock(&self.received).find(shared)?;
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
        lock(&self.actors).get(&id).cloned().flatten().ok_or_else(unknown)
    }
}

/// Answers a request, if its worker is still there.
async fn answer(link: &Weak<Link>, id: u64, outcome: Result<Bytes>) {
    if let Some(link) = link.upgrade() {
        link.reply(id, outcome).await;
    }
}

fn flag(yes: bool) -> Bytes {
    Bytes::from_static(if yes { &[1] } else { &[0] })
}
