//! The cache's side: an asynchronous server on a thread of its own.
//!
//! Connections that wait for the next request cost no thread. A request takes one of the threads of
//! [`CONCURRENCY`] for as long as the store works on it.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use chia_cache::{Entry, ErrorKind as StoreErrorKind, Replay, WeakStore};
use chia_dispatch::with_causes;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Answer, BUFFER, CacheEndpoint, Exactly, HALF, Request, Secret, check_half};
use crate::cache::CONCURRENCY;
use crate::message::{HEAD, encode_head, parse_header, parse_lengths};
use crate::overlay::OverlayStore;

/// A client greets within this time.
const GREETING: Duration = Duration::from_secs(5);
/// A connection without a request for this long is closed. Its client connects again when needed.
const IDLE: Duration = Duration::from_secs(600);
/// A connection that moves no byte of a message for this long is closed, since others wait for its
/// permit.
const STALLED: Duration = Duration::from_secs(30);
/// The most connections at a time. Further clients take the way through the backend.
const MAX_CONNECTIONS: u64 = 4096;
/// A pause after the machine had no room for another connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// How often a server looks whether its store is still open.
const GONE_POLL: Duration = Duration::from_millis(500);
/// Values up to this size are gathered in memory; larger ones stream into the store.
const GATHER: u64 = 1024 * 1024;

/// The store that a server serves.
pub(crate) enum Served {
    /// For as long as this process lives.
    Open(OverlayStore),
    /// Until the last handle of the store is dropped elsewhere.
    WhileOpen(WeakStore),
}

impl Served {
    fn get(&self) -> Option<OverlayStore> {
        match self {
            Self::Open(store) => Some(store.clone()),
            Self::WhileOpen(store) => store.upgrade().map(OverlayStore::new),
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::WhileOpen(store) if store.is_gone())
    }
}

/// Opens an endpoint of a store.
pub(crate) fn open(store: Served, host: IpAddr, secret: Secret) -> io::Result<CacheEndpoint> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_name("chia-cache-io")
        .max_blocking_threads(CONCURRENCY as usize)
        .build()?;
    let listener = runtime.block_on(TcpListener::bind(SocketAddr::new(host, 0)))?;
    let endpoint = CacheEndpoint { address: listener.local_addr()?, secret };
    let server = Arc::new(Server {
        store,
        endpoint: endpoint.clone(),
        permits: Arc::new(Semaphore::new(CONCURRENCY as usize)),
        connections: Arc::new(Semaphore::new(max_connections())),
    });
    let serving = thread::Builder::new().name("chia-cache-net".into());
    serving.spawn(move || runtime.block_on(server.accept(&listener)))?;
    Ok(endpoint)
}

/// Half of the files that this process may open are left to the store and to the rest of the process.
fn max_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current;
    let most = files.map_or(MAX_CONNECTIONS, |files| MAX_CONNECTIONS.min(files / 2));
    usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)
}

struct Server {
    store: Served,
    endpoint: CacheEndpoint,
    /// Bounds the requests that are served at once, as the actor's calls are bounded: each may hold
    /// a value and keep the disk busy.
    permits: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Server {
    /// Serves until the store is gone. Connections that are left then are closed.
    async fn accept(self: Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = timeout(GONE_POLL, listener.accept()).await;
            if self.store.is_gone() {
                return;
            }
            let stream = match accepted {
                Ok(Ok((stream, _))) => stream,
                Err(_) => continue,
                Ok(Err(_)) => {
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                    continue;
                }
            };
            // Without a permit the connection is closed, and its client takes the other way.
            let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else { continue };
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                // An error ends the connection, and the client hears of it by that.
                server.serve(stream).await.ok();
                drop(permit);
            });
        }
    }

    /// Answers one client until it leaves.
    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (from, mut to) = stream.into_split();
        let mut from = BufReader::with_capacity(BUFFER, from);
        let (theirs, ours) = self.endpoint.halves();
        let mut half = [0; HALF];
        timeout(GREETING, from.read_exact(&mut half)).await??;
        check_half(&half, theirs)?;
        write_all(&mut to, ours).await?;
        loop {
            let mut head = [0; HEAD];
            timeout(IDLE, from.read_exact(&mut head)).await??;
            let (header, length) = parse_lengths(&head)?;
            let header = read_exactly(&mut from, header).await?;
            // A connection that waits for its next request holds no permit.
            let _permit = self.permits.acquire().await.map_err(io::Error::other)?;
            let (answer, found, rest) = self.answer(header, length, from).await?;
            from = rest;
            let mut head = encode_head(&answer, found.len() as u64)?;
            if found.len() <= BUFFER {
                head.extend_from_slice(&found);
                write_all(&mut to, &head).await?;
            } else {
                write_all(&mut to, &head).await?;
                write_all(&mut to, &found).await?;
            }
        }
    }

    /// Lets the store answer on a thread that may block, and returns the reader after the value.
    async fn answer(
        &self,
        header: Vec<u8>,
        length: u64,
        mut from: BufReader<OwnedReadHalf>,
    ) -> io::Result<(Answer, Bytes, BufReader<OwnedReadHalf>)> {
        let gathered = if length <= GATHER {
            Some(read_exactly(&mut from, usize::try_from(length).map_err(io::Error::other)?).await?)
        } else {
            None
        };
        let store = self.store.get().ok_or(io::ErrorKind::ConnectionAborted)?;
        let runtime = Handle::current();
        let work = move || {
            let request: Request<'_> = parse_header(&header)?;
            let (answer, found) = match gathered {
                Some(value) => respond(&store, &request, Sent::Whole(value.into())),
                None => {
                    let from = Streamed { runtime, from: &mut from };
                    let mut value = Exactly { from, left: length };
                    let answered = respond(&store, &request, Sent::Stream(&mut value));
                    // What the store did not read of the value is skipped.
                    io::copy(&mut value, &mut io::sink())?;
                    answered
                }
            };
            Ok((answer, found, from))
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }
}

/// The value of a request.
pub(crate) enum Sent<'a> {
    /// In memory.
    Whole(Bytes),
    /// Still to be read.
    Stream(&'a mut dyn Read),
}

/// The store's answer to a request.
pub(crate) fn respond(
    store: &OverlayStore,
    request: &Request<'_>,
    value: Sent<'_>,
) -> (Answer, Bytes) {
    let nothing = |answer| (answer, Bytes::new());
    let missing = |why: String| nothing(Answer::Missing(why));
    let found = |Entry { value, facts, .. }| (Answer::Found(Box::new(facts)), value);
    let answered = match request {
        Request::Write { tag, entry } => {
            let written = match value {
                Sent::Whole(value) => store.own().write(tag, value, entry),
                Sent::Stream(value) => store.own().write_from(tag, value, entry),
            };
            written.map(|written| nothing(Answer::Written(written)))
        }
        Request::Read { tag } => {
            store.read(tag).map(|read| read.map_or_else(|| missing(String::new()), found))
        }
        Request::Replay { tag, function } => store.replay(tag, function).map(|entry| match entry {
            Replay::Hit(entry) => found(entry),
            Replay::Miss(why) => missing(why.to_string()),
        }),
        Request::Has { tag } => store.has(tag).map(|has| nothing(Answer::Has(has))),
        Request::Stats => Ok(nothing(Answer::Stats(Box::new(store.own().stats())))),
        Request::Evict { tag } => {
            store.own().evict(tag).map(|changed| nothing(Answer::Has(changed)))
        }
        Request::Pin { tag, pinned } => {
            let changed = if *pinned { store.own().pin(tag) } else { store.own().unpin(tag) };
            changed.map(|changed| nothing(Answer::Has(changed)))
        }
        Request::Clear => store.own().clear().map(|removed| nothing(Answer::Removed(removed))),
        Request::Resize { budget, allow_shrink } => {
            let set = store.own().resize(*budget, *allow_shrink);
            set.map(|_| nothing(Answer::Stats(Box::new(store.own().stats()))))
        }
    };
    answered.unwrap_or_else(|error| nothing(refusal(&error)))
}

/// Why the store did not do it: by its own rules, or because it failed.
fn refusal(error: &chia_cache::Error) -> Answer {
    let why = with_causes(error);
    match error.kind() {
        StoreErrorKind::Shrink { .. } | StoreErrorKind::Pinned => Answer::Refused(why),
        _ => Answer::Failed(why),
    }
}

/// An asynchronous reader, read from a thread that may block.
struct Streamed<'r> {
    runtime: Handle,
    from: &'r mut BufReader<OwnedReadHalf>,
}

impl Read for Streamed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Self { runtime, from } = self;
        runtime.block_on(async { timeout(STALLED, from.read(into)).await? })
    }
}

/// Reads this many bytes. The peer may pause for [`STALLED`] at most.
async fn read_exactly(from: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match timeout(STALLED, from.read(&mut bytes[filled..])).await?? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(bytes)
}

/// Writes all bytes. The peer may pause for [`STALLED`] at most.
async fn write_all(to: &mut OwnedWriteHalf, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match timeout(STALLED, to.write(bytes)).await?? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}
