//! The process that a worker works for, when it is a Rust one.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chia_dispatch::backend::Backend;
use chia_dispatch::{Error, ErrorKind, Job, Place, Result};

use super::client::lock;
use super::codec::Body;
use super::frame::Kind;
use super::hello::Hello;
use super::link::Link;
use super::nested::{Nested, Requests};
use super::order;
use super::shared::Sent;

/// A worker process, as the backend that started it sees it. Dropping it ends the process.
///
/// Start the program with one end of a [`UnixStream::pair`] as its standard input and the own
/// process id in [`WORKER_VARIABLE`](super::WORKER_VARIABLE); give the other end to [`start`](Self::start).
pub struct Worker {
    link: Arc<Link>,
    sent: Mutex<Sent>,
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

    /// Runs a task. `backend` serves the calls that the task makes, and so knows who waits.
    /// Dropping the future cancels the task.
    ///
    /// # Errors
    /// That of the task, or [`WorkerDied`](ErrorKind::WorkerDied).
    pub async fn run(&self, job: &Job, place: &Place, backend: Arc<dyn Backend>) -> Result<Bytes> {
        let task = self.requests.enter(self.link.id(), backend);
        let _stop = Stop { link: &self.link, id: task.id };
        if let Some(shared) = &job.shared {
            let mut sent = lock(&self.sent);
            if sent.share(&self.link, shared)? {
                self.nested.learn(shared.clone());
            }
        }
        self.link.ask(Kind::Run, task.id, 0, order::run(job, place)).await
    }

    /// Makes an actor and returns its number. `backend` serves the calls that it makes.
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
        let actor = self.requests.enter(self.link.id(), backend);
        let job = Job { entry: kind.to_owned(), payload: init, args: Vec::new(), shared: None };
        self.link.ask(Kind::Make, actor.id, 0, order::run(&job, place)).await?;
        Ok(actor.keep())
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
        let _stop = Stop { link: &self.link, id };
        self.link.ask(Kind::Call, id, 0, order::call(actor, method, payload, args)).await
    }

    /// Drops an actor that was made here.
    pub fn drop_actor(&self, actor: u64) {
        self.requests.leave(actor);
        self.link.send(Kind::Drop, actor, 0, Body::new()).ok();
    }

    /// Whether the process is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.link.closed().is_ok()
    }
}

/// Tells the worker to stop. That does nothing to what has ended.
struct Stop<'w> {
    link: &'w Link,
    id: u64,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.link.send(Kind::Stop, self.id, 0, Body::new()).ok();
    }
}
