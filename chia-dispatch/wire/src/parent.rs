//! The process that a worker works for, when it is a Rust one.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chia_dispatch::backend::Backend;
use chia_dispatch::{Error, ErrorKind, Job, Place, Result};

use super::client::lock;
use super::codec::Body;
use super::command;
use super::frame::{Kind, Outgoing};
use super::hello::Hello;
use super::link::{Answer, Link};
use super::nested::{Entered, Event, Nested, Requests};
use super::shared::SentBlobs;

/// A worker process, as the backend that started it sees it. Dropping it ends the process.
///
/// Start the program with one end of a [`UnixStream::pair`] as its standard input and the own
/// process id in [`WORKER_VARIABLE`](super::WORKER_VARIABLE); give the other end to [`start`](Self::start).
pub struct Worker {
    link: Arc<Link>,
    sent: Mutex<SentBlobs>,
    nested: Arc<Nested>,
    requests: Requests,
}

impl Worker {
    /// Greets the worker as the backend that `hello` describes. Blocks up to `within`; belongs into
    /// a runtime, which serves the calls that the worker's tasks make.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the worker goes away or says nothing,
    /// [`Unsupported`](ErrorKind::Unsupported) when it speaks another protocol.
    pub fn start(socket: UnixStream, hello: &Hello, within: Duration) -> Result<Self> {
        super::hello::exchange(&socket, hello, within)?;
        let nested = Arc::new(Nested::default());
        let gone = Error::new(ErrorKind::WorkerDied, "the process that ran the task ended");
        let (requests, events) = Requests::channel();
        let link = Link::start(socket, gone, |link| {
            tokio::spawn(Arc::clone(&nested).serve(events, Arc::downgrade(link)));
            requests.clone()
        })?;
        Ok(Self { link, sent: Mutex::default(), nested, requests })
    }

    /// Runs a task. `backend` serves the calls that the task makes, and so knows which task waits.
    /// Dropping the future stops the task.
    ///
    /// # Errors
    /// That of the task, or [`WorkerDied`](ErrorKind::WorkerDied).
    pub async fn run(&self, job: &Job, place: &Place, backend: Arc<dyn Backend>) -> Result<Bytes> {
        self.begin(job, place, backend).await?.outcome().await
    }

    /// Starts a task as [`run`](Self::run) does, and returns at once.
    ///
    /// # Errors
    /// [`WorkerDied`](ErrorKind::WorkerDied), or [`Encode`](ErrorKind::Encode) for too large a task.
    pub async fn begin(
        &self,
        job: &Job,
        place: &Place,
        backend: Arc<dyn Backend>,
    ) -> Result<Running> {
        let id = self.link.id();
        let entered = self.requests.enter(id, backend);
        let frame = Outgoing::new(Kind::Run, id, 0, command::run(job, place))?;
        let room = self.link.room(&frame).await?;
        let answer = self.link.expect(id)?;
        {
            // The blob goes first, whatever else is started at the same time.
            let mut sent = lock(&self.sent);
            if let Some(shared) = &job.shared
                && sent.share(&self.link, shared)?
            {
                self.nested.insert(shared.clone());
            }
            self.link.queue(frame, Some(room))?;
        }
        Ok(Running { link: Arc::clone(&self.link), id, answer, entered: Some(entered) })
    }

    /// Makes an actor and returns its number. `backend` serves the calls that it makes. Dropping the
    /// future drops the actor.
    ///
    /// # Errors
    /// That of its constructor, or [`WorkerDied`](ErrorKind::WorkerDied).
    pub async fn make(
        &self,
        kind: &str,
        init: Bytes,
        place: &Place,
        backend: Arc<dyn Backend>,
    ) -> Result<u64> {
        let id = self.link.id();
        self.requests.send(Event::Enter(id, backend));
        let construction = Construction { worker: self, id };
        let job = Job { entry: kind.to_owned(), payload: init, args: Vec::new(), shared: None };
        self.link.ask(Kind::Make, id, 0, command::run(&job, place)).await?;
        std::mem::forget(construction);
        Ok(id)
    }

    /// Calls a method of an actor that was made here. Dropping the future cancels the call.
    ///
    /// # Errors
    /// That of the method, or [`WorkerDied`](ErrorKind::WorkerDied).
    pub async fn call(
        &self,
        actor: u64,
        method: &str,
        payload: &Bytes,
        args: &[Bytes],
    ) -> Result<Bytes> {
        let id = self.link.id();
        let body = command::call(actor, method, payload, args);
        let answer = self.link.request(Kind::Call, id, 0, body).await?;
        Running { link: Arc::clone(&self.link), id, answer, entered: None }.outcome().await
    }

    /// Drops an actor that was made here.
    pub fn drop_actor(&self, actor: u64) {
        self.requests.leave(actor);
        self.link.send_now(Kind::Drop, actor, Body::new()).ok();
    }

    /// Whether the process is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.link.closed().is_ok()
    }
}

/// A task under way in a worker process. Dropping it stops the task.
pub struct Running {
    link: Arc<Link>,
    id: u64,
    answer: Answer,
    entered: Option<Entered>,
}

impl Running {
    /// Waits for the task's result, which comes once.
    ///
    /// # Errors
    /// That of the task, or [`WorkerDied`](ErrorKind::WorkerDied).
    pub async fn outcome(&mut self) -> Result<Bytes> {
        self.answer.wait().await
    }

    /// Stops the task and waits until its body has ended, or its process has. What it asks of its
    /// backend meanwhile is refused.
    pub async fn stop(mut self) {
        self.entered = None;
        if !self.answer.is_taken() {
            self.send_stop();
            // The answer comes when the body has ended, whichever way.
            self.answer.wait().await.ok();
        }
    }

    fn send_stop(&self) {
        self.link.send_now(Kind::Stop, self.id, Body::new()).ok();
    }
}

impl Drop for Running {
    /// Stopping what has ended does nothing.
    fn drop(&mut self) {
        self.send_stop();
    }
}

/// An actor whose construction may not be waited for to its end.
struct Construction<'w> {
    worker: &'w Worker,
    id: u64,
}

impl Drop for Construction<'_> {
    fn drop(&mut self) {
        self.worker.link.send_now(Kind::Stop, self.id, Body::new()).ok();
        self.worker.drop_actor(self.id);
    }
}
