//! What a case holds: a fresh backend, its board, and helpers that name what they wait for.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chia_dispatch::backend::{ActorCall, ActorRef, ActorSpec, Backend, ObjectRef, Task};
use chia_dispatch::{CPU, Error, ErrorKind, Resources, Result};
use tokio::task::JoinHandle;

use super::board::Board;
use super::script::{Script, Seen, list};
use super::{Layout, SLOT};

pub(crate) struct Case {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) board: Board,
    pub(crate) layout: Layout,
    waits: Waits,
}

/// What is being waited for now, in the order it began.
pub(super) type Waits = Arc<Mutex<Vec<String>>>;

impl Case {
    pub(super) fn new(backend: Arc<dyn Backend>, board: Board, layout: Layout) -> Self {
        Self { backend, board, layout, waits: Waits::default() }
    }

    pub(super) fn waits(&self) -> Waits {
        Arc::clone(&self.waits)
    }

    /// An empty script for this case's tasks.
    pub(crate) fn script(&self) -> Script {
        Script::new(self.board.address())
    }

    /// Hands in a task that must be accepted.
    pub(crate) async fn submit(&self, task: Task) -> ObjectRef {
        let task = self.during("submit", self.backend.submit(task)).await;
        expect(task, "a task that some node can hold is accepted")
    }

    /// Hands in a script that must be accepted.
    pub(crate) async fn run(&self, script: Script, resources: Resources) -> ObjectRef {
        self.submit(script.task(resources)).await
    }

    /// Makes sure that a task is refused, and returns why.
    pub(crate) async fn refused(&self, task: Task) -> Error {
        match self.during("submit of what must be refused", self.backend.submit(task)).await {
            Ok(_) => panic!("a task was accepted that must be refused"),
            Err(error) => error,
        }
    }

    pub(crate) async fn put(&self, value: impl Into<Bytes>) -> ObjectRef {
        let object = self.during("put", self.backend.put(value.into())).await;
        expect(object, "a value is taken")
    }

    pub(crate) async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        self.during(&format!("get of {}", object.id()), self.backend.get(object)).await
    }

    /// The value of an object that must have one.
    pub(crate) async fn value(&self, object: &ObjectRef) -> Bytes {
        expect(self.get(object).await, "the task succeeds")
    }

    pub(crate) async fn text(&self, object: &ObjectRef) -> String {
        String::from_utf8_lossy(&self.value(object).await).into_owned()
    }

    /// What a task said of its place.
    pub(crate) async fn seen(&self, object: &ObjectRef) -> Seen {
        serde_json::from_slice(&self.value(object).await)
            .expect("a place as the kit's host wrote it")
    }

    /// The error of an object that must have failed in this way.
    pub(crate) async fn error(&self, object: &ObjectRef, kind: ErrorKind) -> Error {
        let error = self.get(object).await.expect_err("the task fails");
        assert_eq!(error.kind(), kind, "wrong kind of error: {error}");
        error
    }

    /// Waits for an object in a task of its own.
    pub(crate) fn watch(&self, object: &ObjectRef) -> JoinHandle<Result<Bytes>> {
        let (backend, object) = (Arc::clone(&self.backend), object.clone());
        tokio::spawn(async move { backend.get(&object).await })
    }

    /// What [`watch`](Self::watch) saw.
    pub(crate) async fn watched(&self, watch: JoinHandle<Result<Bytes>>) -> Result<Bytes> {
        self.during("an earlier get", watch).await.expect("get does not panic")
    }

    pub(crate) async fn cancel(&self, object: &ObjectRef) {
        let what = format!("cancel of {}", object.id());
        self.during(&what, self.backend.cancel(object)).await.expect("cancelling is no error");
    }

    pub(crate) async fn ready(&self, object: &ObjectRef) -> bool {
        self.during("is_ready", self.backend.is_ready(object)).await.expect("the backend is there")
    }

    pub(crate) async fn actor(&self, spec: ActorSpec) -> ActorRef {
        self.try_actor(spec).await.expect("the actor is made")
    }

    pub(crate) async fn try_actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        self.during("actor", self.backend.actor(spec)).await
    }

    pub(crate) async fn find(&self, name: &str) -> Option<ActorRef> {
        let found = self.during("find_actor", self.backend.find_actor(name)).await;
        found.expect("looking for an actor is no error")
    }

    pub(crate) async fn call(&self, actor: &ActorRef, call: ActorCall) -> ObjectRef {
        let call = self.during("call_actor", self.backend.call_actor(actor, call)).await;
        call.expect("the actor takes the call")
    }

    pub(crate) async fn kill(&self, actor: &ActorRef) {
        let killed = self.during("kill_actor", self.backend.kill_actor(actor)).await;
        killed.expect("killing is no error");
    }

    /// What an actor of the kit remembers.
    pub(crate) async fn remembered(&self, actor: &ActorRef) -> String {
        let call = self.call(actor, list()).await;
        self.text(&call).await
    }

    /// Waits until a label is in the log.
    pub(crate) async fn reached(&self, label: &str) {
        let there = self.board.until(|log| log.iter().any(|line| line == label));
        self.during(&format!("a task to reach {label:?}"), there).await;
    }

    /// Waits until `count` lines of the log begin with `prefix`.
    pub(crate) async fn reached_by(&self, count: usize, prefix: &str) {
        let enough =
            |log: &Vec<String>| log.iter().filter(|line| line.starts_with(prefix)).count() >= count;
        let what = format!("{count} tasks to reach {prefix:?} side by side");
        self.during(&what, self.board.until(enough)).await;
    }

    pub(crate) fn open(&self, label: &str) {
        self.board.open(label);
    }

    pub(crate) fn assert_never(&self, label: &str, why: &str) {
        assert_eq!(self.board.count(label), 0, "{why}; the log: {:?}", self.board.log());
    }

    /// Runs a task that needs nothing, which gives a faulty backend time to do what it must not.
    pub(crate) async fn fence(&self) {
        let task = self.run(self.script().visit(), Resources::none()).await;
        self.value(&task).await;
    }

    /// Does something; if the case hangs, the report says that it hung here.
    pub(crate) async fn during<T>(&self, what: &str, work: impl IntoFuture<Output = T>) -> T {
        let _named = Named::new(&self.waits, what);
        work.await
    }
}

/// Keeps a name in the list of waits.
struct Named<'a>(&'a Waits, String);

impl<'a> Named<'a> {
    fn new(waits: &'a Waits, what: &str) -> Self {
        waits.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
        Self(waits, what.to_owned())
    }
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = waits.iter().position(|wait| *wait == self.1) {
            waits.remove(at);
        }
    }
}

/// Nothing to hold.
pub(crate) fn nothing() -> Resources {
    Resources::none()
}

pub(crate) fn cpu(amount: f64) -> Resources {
    Resources::none().with(CPU, amount)
}

pub(crate) fn slots(amount: f64) -> Resources {
    Resources::none().with(SLOT, amount)
}

/// The value of what must not fail. The failure names its kind, which the contract speaks of.
#[track_caller]
fn expect<T>(result: Result<T>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {:?}: {error}", error.kind()))
}
