//! A client, a worker and what lies between, over real sockets in one process.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Capabilities, Concurrency, Lifetime, Node, ObjectId, ObjectRef,
    Shared, Task, TaskOptions,
};
use chia_dispatch::{
    Actor, Backend, Error, ErrorKind, Host, Job, Place, Resources, Result, TaskContext,
};
use chia_wire::{Client, Hello, Worker, serve_worker};
use tokio::sync::watch;

const TIMEOUT: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(50);

/// Runs everything on one worker that is reached over a socket.
struct OneWorker {
    worker: Worker,
    next: AtomicU64,
    shut: AtomicBool,
    /// Whether tasks are accepted only later, and how many were.
    late: watch::Sender<bool>,
    accepted: watch::Sender<usize>,
    /// How many actors were made, and how many of them are still referred to.
    made: AtomicU64,
    referred: Arc<AtomicU64>,
    me: OnceLock<std::sync::Weak<Self>>,
}

/// What a reference to an actor holds.
struct Made {
    id: u64,
    referred: Arc<AtomicU64>,
}

impl Drop for Made {
    fn drop(&mut self) {
        self.referred.fetch_sub(1, Ordering::SeqCst);
    }
}

type Outcome = watch::Receiver<Option<Result<Bytes>>>;

impl OneWorker {
    async fn start() -> Arc<Self> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(serve_worker(Arc::new(Bodies), theirs));
        let hello = Hello::new("one-worker", Capabilities::default());
        let worker = Worker::start(ours, &hello, TIMEOUT).unwrap();
        let (next, shut) = (AtomicU64::new(0), AtomicBool::new(false));
        let (late, accepted, me, made, referred) = Default::default();
        let backend = Self { worker, next, shut, late, accepted, made, referred, me };
        let backend = Arc::new(backend);
        backend.me.get_or_init(|| Arc::downgrade(&backend));
        backend
    }

    fn me(&self) -> Arc<Self> {
        self.me.get().unwrap().upgrade().unwrap()
    }

    fn object(&self, work: impl Future<Output = Result<Bytes>> + Send + 'static) -> ObjectRef {
        let (sender, receiver) = watch::channel(None);
        tokio::spawn(async move { sender.send(Some(work.await)) });
        ObjectRef::new(ObjectId(self.next.fetch_add(1, Ordering::Relaxed)), Arc::new(receiver))
    }
}

fn place() -> Place {
    let resources = Resources::from([("license", 1.0), ("cpu", 1.0)]);
    Place { node: "n".into(), resources, attempt: 0 }
}

#[async_trait]
impl Backend for OneWorker {
    fn name(&self) -> &str {
        "one-worker"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    async fn submit(&self, task: Task) -> Result<ObjectRef> {
        self.late.subscribe().wait_for(|late| !late).await.unwrap();
        self.accepted.send_modify(|accepted| *accepted += 1);
        let me = self.me();
        Ok(self.object(async move {
            let mut args = Vec::new();
            for arg in &task.args {
                args.push(me.get(arg).await?);
            }
            let job = Job { entry: task.entry, payload: task.payload, args, shared: task.shared };
            me.worker.run(&job, &place(), me.clone()).await
        }))
    }
    async fn put(&self, value: Bytes) -> Result<ObjectRef> {
        Ok(self.object(async { Ok(value) }))
    }
    async fn get(&self, object: &ObjectRef) -> Result<Bytes> {
        let mut outcome = object.inner::<Outcome>().unwrap().clone();
        outcome.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }
    async fn is_ready(&self, object: &ObjectRef) -> Result<bool> {
        Ok(object.inner::<Outcome>().unwrap().borrow().is_some())
    }
    async fn cancel(&self, _object: &ObjectRef) -> Result<()> {
        Ok(())
    }
    async fn actor(&self, spec: ActorSpec) -> Result<ActorRef> {
        self.late.subscribe().wait_for(|late| !late).await.unwrap();
        let id = self.worker.make(&spec.kind, spec.init, &place(), self.me()).await?;
        self.referred.fetch_add(1, Ordering::SeqCst);
        self.made.fetch_add(1, Ordering::SeqCst);
        let made = Made { id, referred: Arc::clone(&self.referred) };
        Ok(ActorRef::new(spec.name.as_deref(), Arc::new(made)))
    }
    async fn find_actor(&self, _name: &str) -> Result<Option<ActorRef>> {
        Ok(None)
    }
    async fn call_actor(&self, actor: &ActorRef, call: ActorCall) -> Result<ObjectRef> {
        let (me, id) = (self.me(), actor.inner::<Made>().unwrap().id);
        Ok(self.object(async move { me.worker.call(id, &call.method, &call.payload, &[]).await }))
    }
    async fn kill_actor(&self, actor: &ActorRef) -> Result<()> {
        self.worker.drop_actor(actor.inner::<Made>().unwrap().id);
        Ok(())
    }
    async fn nodes(&self) -> Result<Vec<Node>> {
        let capacity = Resources::from([("cpu", 1.0), ("license", 1.0)]);
        Ok(vec![Node { id: "n".into(), name: "n".into(), capacity, alive: true }])
    }
    async fn shutdown(&self) -> Result<()> {
        self.shut.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// What the worker can run.
struct Bodies;

static LIVING: AtomicU64 = AtomicU64::new(0);

/// Counts as living from its construction to its end.
struct Stubborn;

impl Drop for Stubborn {
    fn drop(&mut self) {
        LIVING.fetch_add(1 << 32, Ordering::SeqCst);
    }
}

#[async_trait]
impl Actor for Stubborn {
    async fn call(&self, _: &str, payload: Bytes, _: Vec<Bytes>) -> Result<Bytes> {
        Ok(payload)
    }
}

struct Counter(AtomicU64);

#[async_trait]
impl Actor for Counter {
    async fn call(&self, method: &str, _payload: Bytes, _args: Vec<Bytes>) -> Result<Bytes> {
        match method {
            "add" => Ok(self.0.fetch_add(1, Ordering::Relaxed).to_string().into()),
            other => Err(Error::new(ErrorKind::TaskFailed, format!("no method {other}"))),
        }
    }
}

#[async_trait]
impl Host for Bodies {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        let backend = context.backend();
        match job.entry.as_str() {
            "echo" => Ok(job.payload),
            "join" => Ok(job.args.concat().into()),
            "rules" => Ok(job.shared.map(|shared| shared.bytes).unwrap_or_default()),
            "place" => Ok(format!("{:?}", context.place()).into()),
            "fail" => Err(Error::new(ErrorKind::TaskFailed, "it broke").in_function("fail")),
            "panic" => panic!("oh no"),
            "forever" => std::future::pending().await,
            "elsewhere" => context.foreign().unwrap().run("steps:simulate", job.args).await,
            "deep" => match job.payload[0] {
                0 => Ok(Bytes::from_static(b"bottom")),
                depth => {
                    let inner = task("deep", vec![depth - 1]);
                    backend.get(&backend.submit(inner).await?).await
                }
            },
            "leaves-two" => {
                backend.submit(task("echo", vec![])).await?;
                backend.submit(task("echo", vec![])).await.map(|_| Bytes::new())
            }
            "self-wait" => {
                let mut inner = task("forever", vec![]);
                inner.options.resources = Resources::from([("license", 1.0)]);
                backend.get(&backend.submit(inner).await?).await
            }
            "too-big" => {
                let mut inner = task("echo", vec![]);
                inner.options.resources = Resources::from([("cpu", 2.0)]);
                backend.submit(inner).await.map(|_| Bytes::new())
            }
            "nested-args" => {
                let first = backend.put(Bytes::from_static(b"a")).await?;
                let second = backend.submit(task("echo", b"b".to_vec())).await?;
                let joined = Task { args: vec![first, second], ..task("join", vec![]) };
                let joined = Task { shared: job.shared, ..joined };
                backend.get(&backend.submit(joined).await?).await
            }
            "gives-up" => {
                let made = tokio::time::timeout(SOON, backend.actor(counter())).await;
                Ok(Bytes::from(format!("in time: {}", made.is_ok())))
            }
            "counter" => {
                let actor = backend.actor(counter()).await?;
                let add =
                    || ActorCall { method: "add".into(), payload: Bytes::new(), args: vec![] };
                backend.get(&backend.call_actor(&actor, add()).await?).await?;
                backend.get(&backend.call_actor(&actor, add()).await?).await
            }
            other => Err(Error::new(ErrorKind::NotRegistered, other)),
        }
    }

    async fn actor(&self, kind: &str, _init: Bytes, _: TaskContext) -> Result<Box<dyn Actor>> {
        match kind {
            // No cancellation reaches this one before its end.
            "stubborn" => {
                std::thread::sleep(4 * SOON);
                LIVING.fetch_add(1, Ordering::SeqCst);
                Ok(Box::new(Stubborn))
            }
            _ => Ok(Box::new(Counter(AtomicU64::new(0)))),
        }
    }
}

fn counter() -> ActorSpec {
    ActorSpec {
        name: None,
        kind: "counter".into(),
        init: Bytes::new(),
        concurrency: Concurrency::Ordered,
        lifetime: Lifetime::Driver,
        restarts: 0,
        options: TaskOptions::default(),
    }
}

fn task(entry: &str, payload: Vec<u8>) -> Task {
    let options = TaskOptions::default();
    Task { entry: entry.into(), payload: payload.into(), args: vec![], shared: None, options }
}

async fn run(backend: &OneWorker, entry: &str, payload: &[u8]) -> Result<Bytes> {
    let submitted = backend.submit(task(entry, payload.to_vec())).await?;
    tokio::time::timeout(TIMEOUT, backend.get(&submitted)).await.expect("an answer in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_all_sizes_come_back() {
    let backend = OneWorker::start().await;
    for size in [0, 1, 5_000, 8 << 20] {
        let value = vec![b'x'; size];
        assert_eq!(run(&backend, "echo", &value).await.unwrap(), value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_errors_and_panics_arrive_and_the_worker_lives_on() {
    let backend = OneWorker::start().await;
    let error = run(&backend, "fail", b"").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::TaskFailed, "fail: it broke")
    );
    let error = run(&backend, "panic", b"").await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Panicked, "the body panicked: oh no"));
    assert_eq!(run(&backend, "echo", b"alive").await.unwrap(), "alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_language_is_refused_by_its_full_name() {
    let backend = OneWorker::start().await;
    let error = run(&backend, "elsewhere", b"").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("steps:simulate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_calls_go_back_over_the_same_socket() {
    let backend = OneWorker::start().await;
    assert_eq!(run(&backend, "deep", &[5]).await.unwrap(), "bottom");
    assert_eq!(run(&backend, "nested-args", b"").await.unwrap(), "ab");
    assert_eq!(run(&backend, "counter", b"").await.unwrap(), "1");
}

/// Waits until something holds, which it soon does.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

/// The release of the reference arrives while the actor is still being made.
#[tokio::test(flavor = "multi_thread")]
async fn r25_an_actor_that_its_task_gave_up_waiting_for_is_released() {
    let backend = OneWorker::start().await;
    backend.late.send_replace(true);
    let job = task("gives-up", vec![]);
    let job = Job { entry: job.entry, payload: job.payload, args: vec![], shared: None };
    let answer = backend.worker.run(&job, &place(), backend.clone()).await.unwrap();
    assert_eq!(answer, "in time: false");
    // Everything that the worker sent is served in order; this comes after the release.
    assert_eq!(run_now(&backend, "echo").await, "echo");
    backend.late.send_replace(false);
    until("the actor is made", || backend.made.load(Ordering::SeqCst) == 1).await;
    until("the actor is released", || backend.referred.load(Ordering::SeqCst) == 0).await;
}

async fn run_now(backend: &Arc<OneWorker>, text: &'static str) -> Bytes {
    let job = Job { entry: "echo".into(), payload: text.into(), args: vec![], shared: None };
    backend.worker.run(&job, &place(), backend.clone()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r25_an_actor_whose_maker_gave_up_is_dropped_in_its_worker() {
    let backend = OneWorker::start().await;
    let (at, init) = (place(), Bytes::new());
    let made = backend.worker.make("stubborn", init, &at, backend.clone());
    tokio::time::timeout(SOON, made).await.unwrap_err();
    until("it is made", || LIVING.load(Ordering::SeqCst) & 0xffff == 1).await;
    until("it is dropped", || LIVING.load(Ordering::SeqCst) >> 32 == 1).await;
}

/// A task's answer is handed out by another thread than the one that serves its calls.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_asked_is_served_although_its_answer_came_first() {
    let backend = OneWorker::start().await;
    backend.late.send_replace(true);
    let job = task("leaves-two", vec![]);
    let job = Job { entry: job.entry, payload: job.payload, args: vec![], shared: None };
    backend.worker.run(&job, &place(), backend.clone()).await.unwrap();
    backend.late.send_replace(false);
    let mut accepted = backend.accepted.subscribe();
    let both = accepted.wait_for(|accepted| *accepted == 2);
    tokio::time::timeout(TIMEOUT, both).await.expect("no submission is lost").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r09_shared_blobs_reach_the_worker_once_for_many_tasks() {
    let backend = OneWorker::start().await;
    for hash in (0..200).chain(0..3) {
        let bytes = Bytes::from(format!("rules {hash}"));
        let shared = Some(Shared { hash, bytes: bytes.clone() });
        let submitted = backend.submit(Task { shared, ..task("rules", vec![]) }).await.unwrap();
        assert_eq!(backend.get(&submitted).await.unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r22_what_cannot_run_is_refused_inside_a_task_too() {
    let backend = OneWorker::start().await;
    let error = run(&backend, "self-wait", b"").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadlock, "{error}");
    let error = run(&backend, "too-big", b"").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Infeasible, "{error}");
    assert!(error.to_string().contains("short of cpu 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_knows_its_place() {
    let backend = OneWorker::start().await;
    let text = run(&backend, "place", b"").await.unwrap();
    assert_eq!(text, format!("{:?}", place()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_is_cancelled_and_a_dead_peer_is_reported() {
    let backend = OneWorker::start().await;
    let job = |entry: &str| Job {
        entry: entry.into(),
        payload: Bytes::new(),
        args: vec![],
        shared: None,
    };
    let (forever, at) = (job("forever"), place());
    let dropped = backend.worker.run(&forever, &at, backend.clone());
    tokio::time::timeout(Duration::from_millis(50), dropped).await.unwrap_err();
    assert_eq!(run(&backend, "echo", b"alive").await.unwrap(), "alive");

    let (ours, theirs) = UnixStream::pair().unwrap();
    let end = tokio::spawn(serve_worker(Arc::new(Bodies), ours.try_clone().unwrap()));
    let hello = Hello::new("test", Capabilities::default());
    let worker = Worker::start(theirs, &hello, TIMEOUT).unwrap();
    let close = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        ours.shutdown(std::net::Shutdown::Both).unwrap();
    };
    let (died, ()) = tokio::join!(worker.run(&forever, &at, backend.clone()), close);
    assert_eq!(died.unwrap_err().kind(), ErrorKind::WorkerDied);
    end.await.unwrap().unwrap();
    assert!(!worker.is_alive());
}

#[test]
fn a_silent_or_dead_peer_is_unavailable() {
    let (ours, silent) = UnixStream::pair().unwrap();
    let error = Client::connect(ours, "test", Duration::from_millis(50)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop(silent);
    let (ours, dead) = UnixStream::pair().unwrap();
    drop(dead);
    let error = Client::connect(ours, "test", TIMEOUT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
