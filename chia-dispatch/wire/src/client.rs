//! A backend at the other end of a socket.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Capabilities, Node, ObjectId, ObjectRef, Placement,
    Task, TaskOptions,
};
use chia_dispatch::{Error, ErrorKind, ForeignRunner, Resources, Result};

use super::codec::Body;
use super::frame::{Frame, Kind, Outgoing, protocol};
use super::hello::Hello;
use super::link::{Events, Link};
use super::shared::SentBlobs;
use super::{feasible, request, spec};

/// A [`Backend`] that is spoken to over a socket.
///
/// [`submit`](Backend::submit), [`put`](Backend::put) and [`call_actor`](Backend::call_actor) never
/// wait for an answer: the client numbers the objects itself. What no node can hold is refused from
/// a list of the nodes that the peer keeps up to date. Dropping the client closes the socket.
pub struct Client {
    session: Arc<Session>,
    /// The id of the task or actor that makes the requests; 0 for the driver.
    task: u64,
    waiter: Option<Waiter>,
}

/// A task or actor of a worker process that waits.
pub(crate) struct Waiter {
    pub(crate) node: String,
    /// The resources that it holds while it waits.
    pub(crate) kept: Resources,
}

/// The state that all tasks of a worker process, or all of the driver, share.
pub(crate) struct Session {
    pub(crate) link: Arc<Link>,
    pub(crate) sent: Mutex<SentBlobs>,
    nodes: Arc<Mutex<NodeList>>,
    hello: Hello,
}

/// The nodes that the peer reported last.
#[derive(Default)]
pub(crate) struct NodeList {
    nodes: Option<Arc<[Node]>>,
    head: Option<String>,
}

impl NodeList {
    fn update(&mut self, json: &[u8]) -> Result<Arc<[Node]>> {
        self.head = spec::head_from_json(json)?;
        let nodes: Arc<[Node]> = spec::nodes_from_json(json)?.into();
        Ok(Arc::clone(self.nodes.insert(nodes)))
    }
}

/// The content of an [`ObjectRef`]. Dropping it releases the object at the peer.
struct Object {
    link: Arc<Link>,
    id: u64,
    /// The options of the task that computes it; `None` when it needs no resources.
    options: Option<TaskOptions>,
}

/// The content of an [`ActorRef`]. Dropping it releases the actor at the peer.
struct Actor {
    link: Arc<Link>,
    id: u64,
}

impl Drop for Object {
    fn drop(&mut self) {
        self.link.send_now(Kind::Release, self.id, Body::new()).ok();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.link.send_now(Kind::Release, self.id, Body::new()).ok();
    }
}

impl Client {
    /// Greets the peer and returns the backend behind it. Blocks up to `within`.
    ///
    /// # Errors
    /// What the peer says in place of a greeting, [`Unavailable`](ErrorKind::Unavailable) when it
    /// goes away or says nothing, [`Unsupported`](ErrorKind::Unsupported) for another protocol.
    pub fn connect(socket: UnixStream, program: &str, within: Duration) -> Result<Self> {
        let hello =
            super::hello::exchange(&socket, &Hello::new(program, Capabilities::default()), within)?;
        let nodes = Arc::default();
        let events = ClientEvents { nodes: Arc::clone(&nodes) };
        let text =
            format!("the connection to the backend {} is lost: its process ended", hello.name);
        let link = Link::start(socket, Error::new(ErrorKind::BackendLost, text), |_| events)?;
        Ok(Self::over(Session::new(link, nodes, hello).into()))
    }

    /// The driver's view.
    fn over(session: Arc<Session>) -> Self {
        Self { session, task: 0, waiter: None }
    }

    /// The view of one task or actor of a worker process.
    pub(crate) fn inside(session: Arc<Session>, task: u64, waiter: Waiter) -> Self {
        Self { session, task, waiter: Some(waiter) }
    }

    fn link(&self) -> &Arc<Link> {
        &self.session.link
    }

    async fn send(&self, kind: Kind, id: u64, body: Body) -> Result<()> {
        self.link().send(kind, id, self.task, body).await
    }

    async fn ask(&self, kind: Kind, body: Body) -> Result<Bytes> {
        self.link().ask(kind, self.link().id(), self.task, body).await
    }

    fn object(&self, id: u64, options: Option<TaskOptions>) -> ObjectRef {
        let link = Arc::clone(&self.session.link);
        ObjectRef::new(ObjectId(id), Arc::new(Object { link, id, options }))
    }

    fn actor_ref(&self, id: u64, name: Option<&str>) -> ActorRef {
        ActorRef::new(name, Arc::new(Actor { link: Arc::clone(&self.session.link), id }))
    }

    /// The content of a reference, if it came over this very socket.
    fn own<'r>(&self, object: &'r ObjectRef) -> Result<&'r Object> {
        let own = object.inner::<Object>().filter(|own| Arc::ptr_eq(&own.link, &self.session.link));
        own.ok_or_else(|| foreign("object"))
    }

    fn own_actor(&self, actor: &ActorRef) -> Result<u64> {
        let own = actor.inner::<Actor>().filter(|own| Arc::ptr_eq(&own.link, &self.session.link));
        own.map(|own| own.id).ok_or_else(|| foreign("actor"))
    }

    fn numbers(&self, args: &[ObjectRef]) -> Result<Vec<u64>> {
        args.iter().map(|arg| self.own(arg).map(|own| own.id)).collect()
    }

    /// Judges by the nodes as they are known, and before a refusal by the nodes as they are.
    async fn judge(
        &self,
        options: &TaskOptions,
        check: impl Fn(&[Node], &TaskOptions) -> Result<()>,
    ) -> Result<()> {
        if let Some(nodes) = self.session.nodes()
            && check(&nodes, &self.session.pinned(options)).is_ok()
        {
            return Ok(());
        }
        let nodes = self.nodes().await?;
        check(&nodes, &self.session.pinned(options))
    }
}

fn foreign(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this {what} was made by another backend"))
}

#[async_trait]
impl Backend for Client {
    fn name(&self) -> &str {
        &self.session.hello.name
    }

    fn capabilities(&self) -> Capabilities {
        self.session.hello.capabilities
    }

    async fn submit(&self, task: Task) -> Result<ObjectRef> {
        self.link().closed()?;
        let args = self.numbers(&task.args)?;
        let mut needs = None;
        if !feasible::is_trivial(&task.options) {
            self.judge(&task.options, feasible::check).await?;
            let name = if task.options.name.is_empty() { &task.entry } else { &task.options.name };
            needs = Some(TaskOptions { name: name.clone(), ..task.options.clone() });
        }
        let hash = task.shared.as_ref().map(|shared| shared.hash);
        let body = request::submit(hash, &task.options, &task.entry, &args, &task.payload);
        let id = self.link().id();
        let frame = Outgoing::new(Kind::Submit, id, self.task, body)?;
        let room = self.link().room(&frame).await?;
        {
            // The blob goes first, whatever else is submitted at the same time.
            let mut sent = self.session.sent();
            if let Some(shared) = &task.shared {
                sent.share(self.link(), shared)?;
            }
            self.link().queue(frame, Some(room))?;
        }
        Ok(self.object(id, needs))
    }

    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        let id = self.link().id();
        self.send(Kind::Put, id, Body::new().rest(&value)).await?;
        Ok(self.object(id, None))
    }

    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        let own = self.own(object)?;
        if let (Some(waiter), Some(options)) = (&self.waiter, &own.options) {
            let wait = |nodes: &[Node], options: &TaskOptions| {
                feasible::check_wait(nodes, options, &waiter.node, &waiter.kept)
            };
            let verdict = self.judge(options, wait).await;
            if verdict.is_err() && !self.is_ready(object).await? {
                verdict?;
            }
        }
        self.ask(Kind::Get, Body::new().u64(own.id)).await
    }

    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        let answer = self.ask(Kind::Ready, Body::new().u64(self.own(object)?.id)).await?;
        yes_or_no(&answer)
    }

    async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        self.send(Kind::Cancel, self.own(object)?.id, Body::new()).await
    }

    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        if !feasible::is_trivial(&spec.options)
            && let Err(infeasible) = self.judge(&spec.options, feasible::check).await
        {
            let living = match &spec.name {
                Some(name) => self.find_actor(name).await?,
                None => None,
            };
            return living.ok_or(infeasible);
        }
        let reference = self.actor_ref(self.link().id(), spec.name.as_deref());
        let id = self.own_actor(&reference)?;
        self.link().ask(Kind::Actor, id, self.task, request::actor(&spec)).await?;
        Ok(reference)
    }

    async fn find_actor(&self, name: &str) -> Result<Option<ActorRef>> {
        let reference = self.actor_ref(self.link().id(), Some(name));
        let id = self.own_actor(&reference)?;
        let found = self.link().ask(Kind::FindActor, id, self.task, Body::new().blob(name)).await?;
        Ok(yes_or_no(&found)?.then_some(reference))
    }

    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
        let (actor, args) = (self.own_actor(actor)?, self.numbers(&call.args)?);
        let id = self.link().id();
        let body = request::call_actor(actor, &call.method, &args, &call.payload);
        self.send(Kind::CallActor, id, body).await?;
        Ok(self.object(id, None))
    }

    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.ask(Kind::KillActor, Body::new().u64(self.own_actor(actor)?)).await.map(drop)
    }

    async fn nodes(&self) -> Result<Vec<Node>> {
        let json = self.ask(Kind::Nodes, Body::new()).await?;
        let nodes = lock(&self.session.nodes).update(&json)?;
        Ok(nodes.to_vec())
    }

    async fn shutdown(&self) -> Result<()> {
        if self.task != 0 {
            return Err(Error::new(ErrorKind::Unsupported, "a task cannot shut its backend down"));
        }
        if self.link().closed().is_err() {
            return Ok(());
        }
        let why = Error::new(ErrorKind::ShutDown, "the backend was shut down");
        match self.link().ask_last(Kind::Shutdown, why).await.map(drop) {
            Err(error) if error.kind() == ErrorKind::ShutDown => Ok(()),
            done => done,
        }
    }
}

#[async_trait]
impl ForeignRunner for Client {
    async fn run(&self, name: &str, args: Vec<Bytes>) -> Result<Bytes> {
        self.ask(Kind::Foreign, Body::new().blob(name).blobs(&args)).await
    }
}

impl Session {
    pub(crate) fn new(link: Arc<Link>, nodes: Arc<Mutex<NodeList>>, hello: Hello) -> Self {
        Self { link, sent: Mutex::default(), nodes, hello }
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, SentBlobs> {
        lock(&self.sent)
    }

    fn nodes(&self) -> Option<Arc<[Node]>> {
        lock(&self.nodes).nodes.clone()
    }

    /// The options with the leading node in place of its name.
    fn pinned(&self, options: &TaskOptions) -> TaskOptions {
        let mut pinned = options.clone();
        if let (Placement::Head, Some(head)) = (&options.placement, &lock(&self.nodes).head) {
            pinned.placement = Placement::Node { id: head.clone(), soft: false };
        }
        pinned
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn yes_or_no(answer: &Bytes) -> Result<bool> {
    match answer.as_ref() {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(protocol("neither yes nor no".into())),
    }
}

/// The peer reports changes of the nodes without a request.
struct ClientEvents {
    nodes: Arc<Mutex<NodeList>>,
}

impl Events for ClientEvents {
    fn frame(&mut self, frame: Frame) -> Result<()> {
        if frame.kind != Kind::Nodes {
            return Err(protocol(format!("{:?} to a client", frame.kind)));
        }
        lock(&self.nodes).update(&frame.body).map(drop)
    }
}
