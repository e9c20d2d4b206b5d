//! The side of those who use the cache: connections that are kept for the next request.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chia_cache::{Facts, NewEntry, Written};
use chia_dispatch::Result;

use super::{Answer, BUFFER, Door, Exactly, Request, check_greeting, greet};
use crate::message::{read_head, write_head};

/// A door that is there opens within this time, greeting included.
const CONNECT: Duration = Duration::from_secs(1);
/// How long a lost door is left alone once the actor was asked for it: twice as long each time, where
/// something stands in the way for good.
const AGAIN: Duration = Duration::from_secs(10);
const AGAIN_MAX: Duration = Duration::from_secs(600);
/// So many connections are kept.
const KEPT: usize = 8;

/// What a request may send along: its length, and who writes it.
pub(crate) type Value<'a> = (u64, &'a dyn Fn(&mut dyn Write) -> io::Result<()>);

const NO_VALUE: Value<'static> = (0, &|_| Ok(()));

/// The direct way to a cache, for all threads of a process.
///
/// Its operations block for `patience` at most. The outer error is one of the way, and the request
/// may take the other way then, through the backend: repeating a request does no harm. The inner
/// error is the cache's own.
pub struct CacheLine {
    state: Mutex<State>,
}

struct State {
    /// `None` when it was lost.
    door: Option<Door>,
    kept: Vec<Talk>,
    ask_again: Instant,
    pause: Duration,
}

impl CacheLine {
    /// The way through a door. Nothing is connected before something is asked.
    #[must_use]
    pub fn new(door: Option<Door>) -> Self {
        let state = State { door, kept: Vec::new(), ask_again: Instant::now(), pause: AGAIN };
        Self { state: Mutex::new(state) }
    }

    /// Whether there is a door, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lock().door.is_some()
    }

    /// Whether it is time to ask the cache's actor for its door: it was lost, and this was not true a
    /// moment ago.
    #[must_use]
    pub fn wants_door(&self) -> bool {
        let mut state = self.lock();
        let wants = state.door.is_none() && Instant::now() >= state.ask_again;
        if wants {
            state.ask_again = Instant::now() + state.pause;
            state.pause = AGAIN_MAX.min(2 * state.pause);
        }
        wants
    }

    /// Takes the door that the actor told.
    pub fn learn(&self, door: Option<Door>) {
        self.lock().door = door;
    }

    /// Keeps a value of `length` bytes under a tag. `value` writes it, twice if a connection is lost.
    ///
    /// # Errors
    /// The cache cannot be reached, or does not answer in time.
    pub fn write(
        &self,
        tag: &str,
        length: u64,
        value: &dyn Fn(&mut dyn Write) -> io::Result<()>,
        entry: NewEntry,
        patience: Duration,
    ) -> io::Result<Result<Written>> {
        let request = Request::Write { tag: Cow::Borrowed(tag), entry };
        Ok(self.ask(&request, (length, value), patience)?.0.written())
    }

    /// The value under a tag with its facts, if there is one. It counts as used.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn read(
        &self,
        tag: &str,
        patience: Duration,
    ) -> io::Result<Result<Option<(Bytes, Facts)>>> {
        let request = Request::Read { tag: Cow::Borrowed(tag) };
        let (answer, value) = self.ask(&request, NO_VALUE, patience)?;
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
        patience: Duration,
    ) -> io::Result<Result<Result<(Bytes, Facts), String>>> {
        let request = Request::Replay { tag: Cow::Borrowed(tag), function: function.into() };
        let (answer, value) = self.ask(&request, NO_VALUE, patience)?;
        Ok(answer.found().map(|found| found.map(|facts| (value, facts))))
    }

    /// Whether there is a value under a tag. Does not count as use.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn has(&self, tag: &str, patience: Duration) -> io::Result<Result<bool>> {
        let request = Request::Has { tag: Cow::Borrowed(tag) };
        Ok(self.ask(&request, NO_VALUE, patience)?.0.has())
    }

    /// Makes a request with a value. The cache's answer may have a value, too.
    pub(crate) fn ask(
        &self,
        request: &Request<'_>,
        value: Value<'_>,
        patience: Duration,
    ) -> io::Result<(Answer, Bytes)> {
        let deadline = Instant::now() + patience;
        let lost = || io::Error::new(io::ErrorKind::NotConnected, "the cache's door is not known");
        let door = self.lock().door.clone().ok_or_else(lost)?;
        let kept = self.lock().kept.pop();
        // One that was kept may have ended meanwhile: then a fresh one is tried.
        if let Some(mut talk) = kept
            && let Ok(answered) = talk.ask(request, value, deadline)
        {
            self.keep(&door, talk);
            return Ok(answered);
        }
        let fresh = Talk::begin(&door, deadline).and_then(|mut talk| {
            let answered = talk.ask(request, value, deadline)?;
            Ok((talk, answered))
        });
        match fresh {
            Ok((talk, answered)) => {
                self.keep(&door, talk);
                Ok(answered)
            }
            Err(error) => {
                self.lose(&door);
                Err(error)
            }
        }
    }

    fn keep(&self, door: &Door, talk: Talk) {
        let mut state = self.lock();
        state.pause = AGAIN;
        if state.door.as_ref() == Some(door) && state.kept.len() < KEPT {
            state.kept.push(talk);
        }
    }

    fn lose(&self, door: &Door) {
        let mut state = self.lock();
        if state.door.as_ref() == Some(door) {
            state.door = None;
            state.kept.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CacheLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheLine({:?})", self.lock().door)
    }
}

/// One connection, which has been let in.
struct Talk(BufReader<Timed>);

impl Talk {
    fn begin(door: &Door, deadline: Instant) -> io::Result<Self> {
        // Half of a short patience, so that the other way can be tried in the rest.
        let soon = Instant::now() + CONNECT.min(left(deadline)? / 2);
        let stream = TcpStream::connect_timeout(&door.address, left(soon)?)?;
        stream.set_nodelay(true)?;
        let mut timed = Timed { stream, deadline: soon };
        let (ours, theirs) = door.halves();
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
