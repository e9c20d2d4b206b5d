//! A socket with two threads: one reads frames and delivers answers, one writes queued frames.
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::codec::Body;
use super::frame::{Frame, Kind, Outgoing};

/// The most bytes that are written at once when frames are queued.
const BATCH: usize = 1 << 20;
/// Senders wait while more bytes than this are queued for a peer that does not read them.
const QUEUE: u32 = 64 << 20;
/// The cost in the queue of a frame without a body, in bytes.
const FRAME_COST: usize = 128;

/// Receives the frames that are not answers, and the end of the link.
pub(crate) trait Events: Send + 'static {
    /// A frame that is neither an answer nor the loss of the backend.
    fn frame(&mut self, frame: Frame) -> Result<()>;
    /// The last event: the peer went away, or broke the protocol.
    fn end(&mut self, _why: &Error) {}
}

/// Our end of a socket. It is closed when the last reference goes.
pub(crate) struct Link {
    outgoing: mpsc::Sender<Queued>,
    /// The bytes that may still be queued. Closed with the link.
    room: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
}

/// A frame on its way to the writer.
struct Queued {
    frame: Outgoing,
    /// Its share of the queue, given back once it is written.
    _room: Option<Room>,
}

/// Room in the queue for one frame.
pub(crate) struct Room(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

#[derive(Default)]
struct Waiting {
    answers: HashMap<u64, oneshot::Sender<Result<Bytes>>>,
    closed: Option<Error>,
}

impl Link {
    /// Starts the threads. `gone` is the error of all pending requests when the peer goes away.
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
        let link = Arc::new(Self {
            outgoing,
            room: Arc::new(Semaphore::new(QUEUE as usize)),
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
        });
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

    /// Waits until the queue has room for a frame.
    ///
    /// # Errors
    /// Why the link is closed.
    pub(crate) async fn room(&self, frame: &Outgoing) -> Result<Room> {
        let cost = u32::try_from(frame.len() + FRAME_COST).unwrap_or(QUEUE).min(QUEUE);
        let room = Arc::clone(&self.room).acquire_many_owned(cost).await;
        room.map(Room).map_err(|_| self.why_closed())
    }

    /// Queues a frame at once.
    ///
    /// # Errors
    /// Why the link is closed.
    pub(crate) fn queue(&self, frame: Outgoing, room: Option<Room>) -> Result<()> {
        self.closed()?;
        // The writer ends only with us or with the peer, whose end the reader reports.
        self.outgoing.send(Queued { frame, _room: room }).ok();
        Ok(())
    }

    /// Sends a frame that has no answer, as soon as the queue has room for it.
    ///
    /// # Errors
    /// Why the link is closed, or [`Encode`](ErrorKind::Encode) for too large a body.
    pub(crate) async fn send(&self, kind: Kind, id: u64, task: u64, body: Body) -> Result<()> {
        let frame = Outgoing::new(kind, id, task, body)?;
        let room = self.room(&frame).await?;
        self.queue(frame, Some(room))
    }

    /// Sends a small frame without waiting for room.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(crate) fn send_now(&self, kind: Kind, id: u64, body: Body) -> Result<()> {
        self.queue(Outgoing::new(kind, id, 0, body)?, None)
    }

    /// Sends a request and returns its answer to come.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub(crate) async fn request(
        self: &Arc<Self>,
        kind: Kind,
        id: u64,
        task: u64,
        body: Body,
    ) -> Result<Answer> {
        let answer = self.expect(id)?;
        self.send(kind, id, task, body).await?;
        Ok(answer)
    }

    /// The answer to a request that is about to be sent.
    ///
    /// # Errors
    /// Why the link is closed.
    pub(crate) fn expect(self: &Arc<Self>, id: u64) -> Result<Answer> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        if let Some(closed) = waiting.closed.clone() {
            return Err(closed);
        }
        waiting.answers.insert(id, sender);
        Ok(Answer { link: Arc::clone(self), id, receiver })
    }

    /// Sends a request and waits for its answer. Dropping the future forgets the answer.
    ///
    /// # Errors
    /// The error that was answered, or those of [`send`](Self::send).
    pub(crate) async fn ask(
        self: &Arc<Self>,
        kind: Kind,
        id: u64,
        task: u64,
        body: Body,
    ) -> Result<Bytes> {
        self.request(kind, id, task, body).await?.wait().await
    }

    /// Answers a request of the peer.
    pub(crate) async fn reply(&self, id: u64, outcome: Result<Bytes>) {
        let sent = match outcome {
            Ok(bytes) => self.send(Kind::Result, id, 0, Body::new().rest(&bytes)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            self.send_now(Kind::Error, id, Body::new().rest(&super::spec::to_json(&error))).ok();
        }
    }

    /// Sends the last request: all other pending requests, and all later ones, fail with `why`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) async fn ask_last(&self, kind: Kind, why: Error) -> Result<Bytes> {
        let (id, (sender, answer)) = (self.id(), oneshot::channel());
        let frame = Outgoing::new(kind, id, 0, Body::new())?;
        {
            // Under one lock, so that the answer, or the end of the link, finds its waiter.
            let mut waiting = self.lock();
            if let Some(closed) = waiting.closed.clone() {
                return Err(closed);
            }
            self.outgoing.send(Queued { frame, _room: None }).ok();
            waiting.close(why);
            waiting.answers.insert(id, sender);
        }
        self.room.close();
        answer.await.unwrap_or_else(|_| Err(self.why_closed()))
    }

    /// Fails all pending and later requests with `why`. The first reason stays.
    pub(crate) fn close(&self, why: Error) {
        self.lock().close(why);
        self.room.close();
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

impl Waiting {
    fn close(&mut self, why: Error) {
        let why = self.closed.get_or_insert(why).clone();
        for (_, sender) in self.answers.drain() {
            sender.send(Err(why.clone())).ok();
        }
    }
}

/// The answer to a request. Dropping it forgets the answer.
pub(crate) struct Answer {
    link: Arc<Link>,
    id: u64,
    receiver: oneshot::Receiver<Result<Bytes>>,
}

impl Answer {
    /// Whether [`wait`](Self::wait) has returned the answer already.
    pub(crate) fn is_taken(&self) -> bool {
        self.receiver.is_terminated()
    }

    /// Waits for the answer, which comes once.
    ///
    /// # Errors
    /// The error that was answered, or why the link is closed.
    pub(crate) async fn wait(&mut self) -> Result<Bytes> {
        let answer = (&mut self.receiver).await;
        answer.unwrap_or_else(|_| Err(self.link.why_closed()))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.link.lock().answers.remove(&self.id);
    }
}

/// Reads to the end, then fails all pending requests.
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
fn write(mut socket: UnixStream, frames: &mpsc::Receiver<Queued>) {
    while let Ok(first) = frames.recv() {
        let (mut size, mut batch) = (first.frame.len(), vec![first]);
        while size < BATCH
            && let Ok(next) = frames.try_recv()
        {
            size += next.frame.len();
            batch.push(next);
        }
        let frames = batch.iter().map(|queued| &queued.frame);
        if Outgoing::write_all(frames, &mut socket).is_err() {
            break;
        }
    }
    socket.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use super::*;

    struct Ignored;

    impl Events for Ignored {
        fn frame(&mut self, _: Frame) -> Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(10);
    const SOON: Duration = Duration::from_millis(200);

    fn link() -> (Arc<Link>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let gone = Error::new(ErrorKind::BackendLost, "gone");
        (Link::start(ours, gone, |_| Ignored).unwrap(), theirs)
    }

    /// Sends frames of a MiB, until the link is closed at most.
    async fn send_megabytes(link: &Link, frames: u64, sent: &AtomicU64) -> Result<()> {
        let megabyte = Bytes::from(vec![0; 1 << 20]);
        for id in 0..frames {
            link.send(Kind::Put, id, 0, Body::new().rest(&megabyte)).await?;
            sent.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_sender_waits_for_a_peer_that_does_not_read() {
        let (link, mut peer) = link();
        let sent = AtomicU64::new(0);
        let mut sending = std::pin::pin!(send_megabytes(&link, 200, &sent));
        tokio::time::timeout(SOON, &mut sending).await.expect_err("all of it is in memory");
        assert!((32..80).contains(&sent.load(Ordering::Relaxed)), "{sent:?}");
        thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()));
        tokio::time::timeout(LONG, sending).await.expect("the peer reads").unwrap();
    }

    #[tokio::test]
    async fn a_waiting_sender_fails_when_the_link_ends() {
        for by_peer in [true, false] {
            let (link, peer) = link();
            let sent = AtomicU64::new(0);
            let mut sending = std::pin::pin!(send_megabytes(&link, u64::MAX, &sent));
            tokio::time::timeout(SOON, &mut sending).await.expect_err("nobody reads");
            if by_peer {
                drop(peer);
            } else {
                link.close(Error::new(ErrorKind::BackendLost, "closed"));
            }
            let end = tokio::time::timeout(LONG, sending).await.expect("in time");
            assert_eq!(end.unwrap_err().kind(), ErrorKind::BackendLost);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_last_request_ends_with_a_peer_that_goes_away() {
        for round in 0..500 {
            let (link, mut peer) = link();
            let answering = thread::spawn(move || {
                let mut head = [0; 21];
                peer.read_exact(&mut head).unwrap();
                // Gone at once, or after the answer.
                if round % 2 == 0 {
                    head[4] = Kind::Result as u8;
                    std::io::Write::write_all(&mut peer, &head).unwrap();
                }
            });
            let closing = Error::new(ErrorKind::ShutDown, "closing");
            let last = link.ask_last(Kind::Shutdown, closing);
            let end = tokio::time::timeout(LONG, last).await;
            let end = end.unwrap_or_else(|_| panic!("no end in round {round}"));
            assert_eq!(end.is_ok(), round % 2 == 0, "round {round}: {end:?}");
            answering.join().unwrap();
        }
    }
}
