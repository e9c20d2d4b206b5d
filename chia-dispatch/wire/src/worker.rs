//! The worker process: executes commands with its [`Host`].

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use chia_dispatch::backend::Capabilities;
use chia_dispatch::{
    Actor, CPU, Error, ErrorKind, Host, Job, Place, Resources, Result, TaskContext, guarded,
};
use rustix::process::{Pid, Signal};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError};

use super::client::{Client, Session, Waiter, lock};
use super::command::{Command, WireJob};
use super::frame::{Frame, Kind, protocol};
use super::hello::Hello;
use super::link::{Events, Link};
use super::shared::ReceivedBlobs;

/// The environment variable that makes a program a worker. Its value is the process id of the parent,
/// so that what a worker's task starts is no worker; the socket is the worker's standard input.
pub const WORKER_VARIABLE: &str = "CHIA_WORKER";

/// How long the two sides may take to greet each other.
const GREETING: Duration = Duration::from_secs(30);
/// How often a cancelled body is checked for its end.
const END_POLL: Duration = Duration::from_millis(2);

/// In a worker process, runs tasks until the parent goes away and never returns; in any other
/// process returns at once. Called at the start of `main`, before threads and output.
///
/// The worker leads a process group of its own. When its parent goes away, however that happens, the
/// group is killed at once: nothing that a task started stays behind.
///
/// # Panics
/// When the worker's own runtime cannot be started.
pub fn run_if_worker(host: impl FnOnce() -> Arc<dyn Host>) {
    let Some(socket) = worker_socket() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a worker needs its runtime");
    let served = runtime.block_on(async { serve(host(), socket, kill_group) });
    match served {
        Ok(_session) => runtime.block_on(std::future::pending()),
        Err(error) => {
            eprintln!("chia: this worker process cannot start: {error}");
            std::process::exit(70);
        }
    }
}

/// Runs tasks that come over `socket` with `host` until the peer goes away.
///
/// # Errors
/// When the peers cannot agree, or the peer breaks the protocol.
pub async fn serve_worker(host: Arc<dyn Host>, socket: UnixStream) -> Result<()> {
    let (ended, end) = tokio::sync::oneshot::channel();
    let session = serve(host, socket, move |why: &Error| drop(ended.send(why.clone())))?;
    let why = end.await.unwrap_or_else(|_| Error::new(ErrorKind::ShutDown, "the worker ended"));
    drop(session);
    if why.kind() == ErrorKind::ShutDown { Ok(()) } else { Err(why) }
}

/// The socket of a worker process, taken from its standard input.
fn worker_socket() -> Option<UnixStream> {
    let parent = std::env::var(WORKER_VARIABLE).ok()?;
    if parent != parent_id().to_string() {
        return None;
    }
    let socket = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
    if let Ok(null) = std::fs::File::open("/dev/null") {
        rustix::stdio::dup2_stdin(null).ok();
    }
    rustix::process::setpgid(None, None).ok();
    Some(socket.into())
}

fn kill_group(_why: &Error) {
    if rustix::process::getpgrp() == rustix::process::getpid() {
        rustix::process::kill_current_process_group(Signal::KILL).ok();
    }
    let own: Pid = rustix::process::getpid();
    rustix::process::kill_process(own, Signal::KILL).ok();
}

fn serve(
    host: Arc<dyn Host>,
    socket: UnixStream,
    at_end: impl FnOnce(&Error) + Send + 'static,
) -> Result<Arc<Worker>> {
    let program = std::env::args().next().unwrap_or_default();
    let hello = Hello::new(program, Capabilities::default());
    let hello = super::hello::exchange(&socket, &hello, GREETING)?;
    let gone = Error::new(ErrorKind::ShutDown, "the process that this worker works for is gone");
    let mut started = None;
    Link::start(socket, gone, |link| {
        let worker = Arc::new(Worker {
            host,
            runtime: Handle::current(),
            session: Session::new(Arc::clone(link), Arc::default(), hello).into(),
            received: Mutex::default(),
            running: Mutex::default(),
            actors: Mutex::default(),
        });
        let events = WorkerEvents { worker: Arc::downgrade(&worker), at_end: Some(at_end) };
        started = Some(worker);
        events
    })?;
    Ok(started.expect("the link asks for its events as it starts"))
}

struct WorkerEvents<F> {
    worker: Weak<Worker>,
    at_end: Option<F>,
}

impl<F: FnOnce(&Error) + Send + 'static> Events for WorkerEvents<F> {
    fn frame(&mut self, frame: Frame) -> Result<()> {
        match self.worker.upgrade() {
            Some(worker) => worker.execute(&frame),
            None => Ok(()),
        }
    }

    fn end(&mut self, why: &Error) {
        if let Some(at_end) = self.at_end.take() {
            at_end(why);
        }
    }
}

/// A task or call under way.
struct Running {
    abort: AbortHandle,
    cancelled: Arc<AtomicBool>,
}

struct Worker {
    host: Arc<dyn Host>,
    runtime: Handle,
    session: Arc<Session>,
    received: Mutex<ReceivedBlobs>,
    running: Mutex<HashMap<u64, Running>>,
    actors: Mutex<HashMap<u64, Arc<dyn Actor>>>,
}

impl Worker {
    fn execute(self: &Arc<Self>, frame: &Frame) -> Result<()> {
        if frame.kind == Kind::Share {
            let hash = lock(&self.received).receive(frame)?;
            self.session.sent().record(hash);
            return Ok(());
        }
        match Command::decode(frame)? {
            Command::Run { job, place } => self.run(frame.id, job, &place),
            Command::Make { job, place } => self.make(frame.id, job, &place),
            Command::Call { actor, method, payload, args } => {
                self.call(frame.id, actor, method, payload, args)
            }
            Command::Stop => {
                if let Some(running) = lock(&self.running).get(&frame.id) {
                    running.cancelled.store(true, Ordering::Release);
                    running.abort.abort();
                }
                Ok(())
            }
            Command::Drop => {
                let dropped = lock(&self.actors).remove(&frame.id);
                self.runtime.spawn(async move { drop(dropped) });
                Ok(())
            }
        }
    }

    /// The context of a task or actor that holds `kept` while it waits.
    fn context(
        &self,
        id: u64,
        place: &Arc<Place>,
        kept: Resources,
        cancelled: &Arc<AtomicBool>,
    ) -> TaskContext {
        let waiter = Waiter { node: place.node.clone(), kept };
        let client = Arc::new(Client::inside(Arc::clone(&self.session), id, waiter));
        let foreign = Arc::clone(&client);
        TaskContext::new(client, Arc::clone(place), Arc::clone(cancelled)).with_foreign(foreign)
    }

    fn run(self: &Arc<Self>, id: u64, wire_job: WireJob, place: &Arc<Place>) -> Result<()> {
        let WireJob { shared, entry, payload, args } = wire_job;
        let shared = lock(&self.received).find(shared)?;
        let cancelled = Arc::default();
        let kept = place.resources.without(CPU);
        let context = self.context(id, place, kept, &cancelled);
        let (host, place) = (Arc::clone(&self.host), Arc::clone(place));
        let job = Job { entry, payload, args, shared };
        self.start(id, cancelled, async move {
            guarded(|| host.run(job, context)).await.map_err(|error| match error.function() {
                None => error.on_node(&place.node),
                Some(_) => error,
            })
        });
        Ok(())
    }

    fn make(self: &Arc<Self>, id: u64, wire_job: WireJob, place: &Arc<Place>) -> Result<()> {
        let cancelled = Arc::default();
        let context = self.context(id, place, place.resources.clone(), &cancelled);
        let (this, unwanted) = (Arc::clone(self), Arc::clone(&cancelled));
        self.start(id, cancelled, async move {
            let made = || this.host.actor(&wire_job.entry, wire_job.payload, context);
            let actor: Arc<dyn Actor> = guarded(made).await?.into();
            let mut actors = lock(&this.actors);
            // The parent stops a constructor before it drops the actor.
            if !unwanted.load(Ordering::Acquire) {
                actors.insert(id, actor);
            }
            Ok(Bytes::new())
        });
        Ok(())
    }

    fn call(
        self: &Arc<Self>,
        id: u64,
        actor: u64,
        method: String,
        payload: Bytes,
        args: Vec<Bytes>,
    ) -> Result<()> {
        let found = lock(&self.actors).get(&actor).cloned();
        let found =
            found.ok_or_else(|| protocol(format!("a call of the unknown actor {actor}")))?;
        self.start(id, Arc::default(), async move {
            guarded(|| found.call(&method, payload, args)).await
        });
        Ok(())
    }

    /// Spawns the work, and answers with what comes of it.
    fn start<F>(self: &Arc<Self>, id: u64, cancelled: Arc<AtomicBool>, work: F)
    where
        F: Future<Output = Result<Bytes>> + Send + 'static,
    {
        let work = self.runtime.spawn(work);
        let running = Running { abort: work.abort_handle(), cancelled };
        lock(&self.running).insert(id, running);
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let outcome = work.await;
            let running = lock(&this.running).remove(&id);
            if outcome.as_ref().is_err_and(JoinError::is_cancelled)
                && let Some(running) = running
            {
                running.ended().await;
            }
            // A panic is an answer: nothing else ends a body early.
            let cancelled = || Error::new(ErrorKind::Cancelled, "the task was cancelled");
            this.session.link.reply(id, outcome.unwrap_or_else(|_| Err(cancelled()))).await;
        });
    }
}

impl Running {
    /// Waits until a cancelled body has ended: a blocking one keeps its context until it returns.
    async fn ended(self) {
        while Arc::strong_count(&self.cancelled) > 1 {
            tokio::time::sleep(END_POLL).await;
        }
    }
}
