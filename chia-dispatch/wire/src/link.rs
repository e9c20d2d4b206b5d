//! A socket with two threads: one reads frames and hands out answers, one writes what piled up.
//!
//! Threads and not tasks, so that a body that blocks the runtime stops neither answers nor the
//! notice that the peer is gone.

use std::collections::HashMap;
use std::io::BufReader;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;

use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use super::codec::Body;
use super::frame::{Frame, Kind, Outgoing};

/// As much is written at once when frames pile up, in bytes.
const BATCH: usize = 1 << 20;

/// What becomes of frames that are not answers, and of the end.
pub(crate) trait Events: Send + 'static {
    /// A frame that is neither an answer nor the loss of the backend.
    fn frame(&mut self, frame: Frame) -> Result<()>;
    /// The last event: the peer went away, or broke the protocol.
    fn end(&mut self, _why: &Error) {}
}

/// Our end of a socket. It is closed when the last reference goes.
pub(crate) struct Link {
    outgoing: mpsc::Sender<Outgoing>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    answers: HashMap<u64, oneshot::Sender<Result<Bytes>>>,
    closed: Option<Error>,
}

impl Link {
    /// Starts the threads. `gone` is what everybody who waits gets when the peer goes away.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when the socket or a thread cannot be had.
    pub(crate) fn start<E: Events>(
        socket: UnixStream,
        gone: Error,
        events: impl FnOnce(&Arc<Self>) -> E,
    ) -> Result<Arc<Self>> {
        let io = |error| Error::new(ErrorKind::Io, "cannot set up the socket").with_source(error);
        let reader = socket.try_clone().map_err(io)?;
        let (outgoing, frames) = mpsc::channel();
        let link = Arc::new(Self { outgoing, waiting: Mutex::default(), next: AtomicU64::new(1) });
        let (events, weak) = (events(&link), Arc::downgrade(&link));
        let reading = thread::Builder::new().name("chia-read".into());
        reading.spawn(move || read(&reader, &weak, gone, events)).map_err(io)?;
        let writing = thread::Builder::new().name("chia-write".into());
        writing.spawn(move || write(socket, &frames)).map_err(io)?;
        Ok(link)
    }

    /// A number for an object, request, task or actor.
    pub(crate) fn id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a frame that has no answer.
    ///
    /// # Errors
    /// Why the link is closed, or [`Encode`](ErrorKind::Encode) for too large a body.
    pub(crate) fn send(&self, kind: Kind, id: u64, task: u64, body: Body) -> Result<()> {
        let frame = Outgoing::new(kind, id, task, body)?;
        match self.lock().closed.clone() {
            Some(why) => Err(why),
            None => {
                // The writer ends only with us or with the peer, whose end the reader reports.
                self.outgoing.send(frame).ok();
                Ok(())
            }
        }
    }

    /// Sends a request and waits for its answer. Dropping the future forgets the answer.
    ///
    /// # Errors
    /// The error that was answered, or those of [`send`](Self::send).
    pub(crate) async fn ask(&self, kind: Kind, id: u64, task: u64, body: Body) -> Result<Bytes> {
        let (sender, answer) = oneshot::channel();
        self.lock().answers.insert(id, sender);
        let _forget = Forget { link: self, id };
        self.send(kind, id, task, body)?;
        answer.await.unwrap_or_else(|_| Err(self.why_closed()))
    }

    /// Answers a request of the peer.
    pub(crate) fn reply(&self, id: u64, outcome: Result<Bytes>) {
        let sent =
            outcome.and_then(|bytes| self.send(Kind::Result, id, 0, Body::new().rest(&bytes)));
        if let Err(error) = sent {
            self.send(Kind::Error, id, 0, Body::new().rest(&super::spec::to_json(&error))).ok();
        }
    }

    /// The last request: everybody else who waits, and all that comes, gets `why`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) async fn ask_last(&self, kind: Kind, why: Error) -> Result<Bytes> {
        let (sender, answer) = oneshot::channel();
        let id = self.id();
        self.send(kind, id, 0, Body::new())?;
        self.close(why);
        self.lock().answers.insert(id, sender);
        answer.await.unwrap_or_else(|_| Err(self.why_closed()))
    }

    /// Fails everybody who waits, and all that comes. The first reason stays.
    pub(crate) fn close(&self, why: Error) {
        let mut waiting = self.lock();
        let why = waiting.closed.get_or_insert(why).clone();
        for (_, sender) in waiting.answers.drain() {
            sender.send(Err(why.clone())).ok();
        }
    }

    /// Whether the link is closed, and why.
    pub(crate) fn closed(&self) -> Result<()> {
        self.lock().closed.clone().map_or(Ok(()), Err)
    }

    fn why_closed(&self) -> Error {
        let gone = || Error::new(ErrorKind::Protocol, "a request was never answered");
        self.closed().err().unwrap_or_else(gone)
    }

    fn answer(&self, id: u64, answer: Result<Bytes>) {
        if let Some(sender) = self.lock().answers.remove(&id) {
            sender.send(answer).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a request off the list of those that wait.
struct Forget<'a> {
    link: &'a Link,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.link.lock().answers.remove(&self.id);
    }
}

/// Reads to the end and tells everybody about it.
fn read(socket: &UnixStream, link: &Weak<Link>, gone: Error, mut events: impl Events) {
    let mut buffered = BufReader::with_capacity(1 << 16, socket);
    let why = loop {
        match Frame::read(&mut buffered).and_then(|frame| deliver(frame, link, &mut events)) {
            Ok(true) => {}
            Ok(false) => break gone,
            Err(error) => break error,
        }
    };
    if let Some(link) = link.upgrade() {
        link.close(why.clone());
    }
    socket.shutdown(Shutdown::Both).ok();
    events.end(&why);
}

/// Hands out one frame; false at the end.
fn deliver(frame: Option<Frame>, link: &Weak<Link>, events: &mut impl Events) -> Result<bool> {
    let (Some(frame), Some(link)) = (frame, link.upgrade()) else { return Ok(false) };
    match frame.kind {
        Kind::Result => link.answer(frame.id, Ok(frame.body)),
        Kind::Error => link.answer(frame.id, Err(super::spec::error(&frame.body))),
        Kind::Lost => link.close(super::spec::error(&frame.body)),
        _ => events.frame(frame)?,
    }
    Ok(true)
}

/// Writes until the link or the peer is gone.
fn write(mut socket: UnixStream, frames: &mpsc::Receiver<Outgoing>) {
    while let Ok(first) = frames.recv() {
        let (mut size, mut batch) = (first.len(), vec![first]);
        while size < BATCH
            && let Ok(next) = frames.try_recv()
        {
            size += next.len();
            batch.push(next);
        }
        if Outgoing::write_all(&batch, &mut socket).is_err() {
            break;
        }
    }
    socket.shutdown(Shutdown::Both).ok();
}
