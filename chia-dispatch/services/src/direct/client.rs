//! The client's side: idle connections wait for the next request.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chia_cache::{Facts, NewEntry, Written};
use chia_dispatch::Result;

use super::{Answer, BUFFER, CacheEndpoint, Exactly, Request, check_greeting, greet};
use crate::message::{read_head, write_head};

/// The time-out of a new connection, greeting included.
const CONNECT: Duration = Duration::from_secs(1);
/// The pause between two requests for the endpoint from the actor. It doubles each time the endpoint that
/// the actor reports cannot be reached.
const RECONNECT_DELAY: Duration = Duration::from_secs(10);
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(600);
/// The most idle connections.
const MAX_IDLE: usize = 8;

/// What a request may send along: its length, and who writes it.
pub(crate) type Value<'a> = (u64, &'a dyn Fn(&mut dyn Write) -> io::Result<()>);

const NO_VALUE: Value<'static> = (0, &|_| Ok(()));

/// The direct way to a cache, for all threads of a process.
///
/// Its operations block for `timeout` at most. The outer error is one of the connection: the request
/// may take the other way then, through the backend: repeating a request does no harm. The inner
/// error is the cache's own.
pub struct DirectClient {
    state: Mutex<State>,
}

struct State {
    /// `None` when it was lost.
    endpoint: Option<CacheEndpoint>,
    idle: Vec<Connection>,
    reconnect_at: Instant,
    pause: Duration,
}

impl DirectClient {
    /// A client of an endpoint. It connects at its first request.
    #[must_use]
    pub fn new(endpoint: Option<CacheEndpoint>) -> Self {
        let state = State {
            endpoint,
            idle: Vec::new(),
            reconnect_at: Instant::now(),
            pause: RECONNECT_DELAY,
        };
        Self { state: Mutex::new(state) }
    }

    /// Whether an endpoint is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lock().endpoint.is_some()
    }

    /// Whether the endpoint is lost and it is time to request it from the cache's actor. Returns true at most
    /// once per delay: it records the attempt.
    #[must_use]
    pub fn take_reconnect_slot(&self) -> bool {
        let mut state = self.lock();
        let wants = state.endpoint.is_none() && Instant::now() >= state.reconnect_at;
        if wants {
            state.reconnect_at = Instant::now() + state.pause;
            state.pause = RECONNECT_DELAY_MAX.min(2 * state.pause);
        }
        wants
    }

    /// Sets the endpoint that the actor reported.
    pub fn set_endpoint(&self, endpoint: Option<CacheEndpoint>) {
        self.lock().endpoint = endpoint;
    }

    /// Writes a value of `length` bytes under a tag. `value` writes it, twice if a connection is lost.
    ///
    /// # Errors
    /// The cache cannot be reached, or does not answer in time.
    pub fn write(
        &self,
        tag: &str,
        length: u64,
        value: &dyn Fn(&mut dyn Write) -> io::Result<()>,
        entry: NewEntry,
        timeout: Duration,
    ) -> io::Result<Result<Written>> {
        let request = Request::Write { tag: Cow::Borrowed(tag), entry };
        Ok(self.ask(&request, (length, value), timeout)?.0.written())
    }

    /// The value under a tag with its facts, if there is one. It counts as used.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn read(&self, tag: &str, timeout: Duration) -> io::Result<Result<Option<(Bytes, Facts)>>> {
        let request = Request::Read { tag: Cow::Borrowed(tag) };
        let (answer, value) = self.ask(&request, NO_VALUE, timeout)?;
        Ok(answer.found().map(|found| found.ok().map(|facts| (value, facts))))
    }

    /// As [`read`](Self::read), if the entry may stand for a computation of `function`; or why not.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn replay(
        &self,
        tag: &str,
        function: &str,
        timeout: Duration,
    ) -> io::Result<Result<Result<(Bytes, Facts), String>>> {
        let request = Request::Replay { tag: Cow::Borrowed(tag), function: function.into() };
        let (answer, value) = self.ask(&request, NO_VALUE, timeout)?;
        Ok(answer.found().map(|found| found.map(|facts| (value, facts))))
    }

    /// Whether there is a value under a tag. Does not count as use.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn has(&self, tag: &str, timeout: Duration) -> io::Result<Result<bool>> {
        let request = Request::Has { tag: Cow::Borrowed(tag) };
        Ok(self.ask(&request, NO_VALUE, timeout)?.0.has())
    }

    /// Makes a request with a value. The cache's answer may have a value, too.
    pub(crate) fn ask(
        &self,
        request: &Request<'_>,
        value: Value<'_>,
        timeout: Duration,
    ) -> io::Result<(Answer, Bytes)> {
        let deadline = Instant::now() + timeout;
        let lost =
            || io::Error::new(io::ErrorKind::NotConnected, "no endpoint of the cache is known");
        let endpoint = self.lock().endpoint.clone().ok_or_else(lost)?;
        let idle = self.lock().idle.pop();
        // An idle connection may have ended meanwhile. Then a new one is tried.
        if let Some(mut connection) = idle
            && let Ok(answered) = connection.ask(request, value, deadline)
        {
            self.keep(&endpoint, connection);
            return Ok(answered);
        }
        let fresh = Connection::begin(&endpoint, deadline).and_then(|mut connection| {
            let answered = connection.ask(request, value, deadline)?;
            Ok((connection, answered))
        });
        match fresh {
            Ok((connection, answered)) => {
                self.keep(&endpoint, connection);
                Ok(answered)
            }
            Err(error) => {
                self.lose(&endpoint);
                Err(error)
            }
        }
    }

    fn keep(&self, endpoint: &CacheEndpoint, connection: Connection) {
        let mut state = self.lock();
        state.pause = RECONNECT_DELAY;
        if state.endpoint.as_ref() == Some(endpoint) && state.idle.len() < MAX_IDLE {
            state.idle.push(connection);
        }
    }

    fn lose(&self, endpoint: &CacheEndpoint) {
        let mut state = self.lock();
        if state.endpoint.as_ref() == Some(endpoint) {
            state.endpoint = None;
            state.idle.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DirectClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectClient({:?})", self.lock().endpoint)
    }
}

/// One connection, which has been let in.
struct Connection(BufReader<Timed>);

impl Connection {
    fn begin(endpoint: &CacheEndpoint, deadline: Instant) -> io::Result<Self> {
        // Half of a short time-out, so that the backend can be tried in the rest.
        let soon = Instant::now() + CONNECT.min(left(deadline)? / 2);
        let stream = TcpStream::connect_timeout(&endpoint.address, left(soon)?)?;
        stream.set_nodelay(true)?;
        let mut timed = Timed { stream, deadline: soon };
        let (ours, theirs) = endpoint.halves();
        greet(&mut timed, ours)?;
        check_greeting(&mut timed, theirs)?;
        Ok(Self(BufReader::new(timed)))
    }

    fn ask(
        &mut self,
        request: &Request<'_>,
        (length, value): Value<'_>,
        deadline: Instant,
    ) -> io::Result<(Answer, Bytes)> {
        let stream = self.0.get_mut();
        stream.deadline = deadline;
        let mut to = BufWriter::with_capacity(BUFFER, stream);
        write_head(&mut to, request, length)?;
        value(&mut to)?;
        to.flush()?;
        drop(to);
        let (answer, length) = read_head(&mut self.0)?;
        let found = Exactly { from: &mut self.0, left: length }.gather()?;
        Ok((answer, found.into()))
    }
}

/// A stream whose every operation ends by the deadline.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(into).map_err(late)
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(from).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The time that is left, never none.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late(io::ErrorKind::WouldBlock.into())) } else { Ok(left) }
}

/// What the system calls "would block" is a time-out here.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::new(io::ErrorKind::TimedOut, "the cache did not answer in time")
        }
        _ => error,
    }
}
