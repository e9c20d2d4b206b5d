//! The direct way to a cache: a socket of the process that holds it.
//!
//! An actor call of an engine may cost as much as the task that makes it. So the cache's actor also
//! opens a [`CacheEndpoint`] and reports it to each loop that starts or attaches to the cache; from there it
//! travels with the rules. `write`, `read`, `replay` and `has` use it; all other operations, and these too
//! while it cannot be reached, are calls of the actor.
//!
//! ```text
//! greeting = 16 bytes, the one half of the secret | in return the other half
//! ```
//!
//! A request and its answer are a [message](crate::message) each, one after the other; a connection
//! serves one request at a time. The actor's calls of the same name take and give the same messages.

mod client;
mod server;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use chia_cache::{ByteSize, Facts, NewEntry, Stats, Written};
use chia_dispatch::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

pub use client::DirectClient;
pub(super) use server::{Sent, Served, open, respond};

use crate::message::{pack, unpack};

/// What proves both sides to each other: a process that has it may read and write the cache.
pub type Secret = [u8; 32];

/// Half of a [`Secret`], each side's part of the greeting.
const HALF: usize = 16;

/// As much is gathered before a system call, in bytes.
const BUFFER: usize = 64 * 1024;

/// Where a cache can be reached directly.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CacheEndpoint {
    address: SocketAddr,
    secret: Secret,
}

impl CacheEndpoint {
    /// The actor's answer to a request for its endpoint; `None` where it has none.
    pub(super) fn to_answer(endpoint: Option<&Self>) -> Result<bytes::Bytes> {
        pack(&endpoint, &[])
    }

    /// The endpoint that a cache's actor answered with, if it has one.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](chia_dispatch::ErrorKind::Protocol) when that cannot be read.
    pub fn from_answer(answer: &bytes::Bytes) -> Result<Option<Self>> {
        unpack(answer).map(|(endpoint, _)| endpoint)
    }

    pub(super) fn new(address: SocketAddr, secret: Secret) -> Self {
        Self { address, secret }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The client's greeting, and the server's reply.
    fn halves(&self) -> (&[u8], &[u8]) {
        self.secret.split_at(HALF)
    }
}

impl fmt::Debug for CacheEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheEndpoint({})", self.address)
    }
}

/// A request to the cache. A value may follow it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request<'a> {
    /// Store the value that follows.
    Write { tag: Cow<'a, str>, entry: NewEntry },
    /// Read the value under a tag.
    Read { tag: Cow<'a, str> },
    /// Read the value under a tag, if it may stand for a computation of a function.
    Replay { tag: Cow<'a, str>, function: Cow<'a, str> },
    /// Report whether there is a value.
    Has { tag: Cow<'a, str> },
    /// Report the state and the counters.
    Stats,
    /// Remove an entry.
    Evict { tag: Cow<'a, str> },
    /// Pin an entry, or unpin it.
    Pin { tag: Cow<'a, str>, pinned: bool },
    /// Remove every entry.
    Clear,
    /// Change the budget.
    Resize { budget: ByteSize, allow_shrink: bool },
}

impl Request<'_> {
    /// The method of the cache's actor that takes it.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write",
            Self::Read { .. } => "read",
            Self::Replay { .. } => "replay",
            Self::Has { .. } => "has",
            Self::Stats
            | Self::Evict { .. }
            | Self::Pin { .. }
            | Self::Clear
            | Self::Resize { .. } => "manage",
        }
    }
}

/// The cache's answer to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Written(Written),
    /// The value follows.
    Found(Box<Facts>),
    /// There is no such value, and why.
    Missing(String),
    /// Whether there is an entry, or was one.
    Has(bool),
    Stats(Box<Stats>),
    /// How many entries were removed.
    Removed(u64),
    /// The rules of the store forbid it.
    Refused(String),
    /// The store could not do it.
    Failed(String),
}

impl Answer {
    pub(crate) fn written(self) -> Result<Written> {
        if let Self::Written(written) = self { Ok(written) } else { Err(self.unexpected()) }
    }

    pub(crate) fn has(self) -> Result<bool> {
        if let Self::Has(has) = self { Ok(has) } else { Err(self.unexpected()) }
    }

    pub(crate) fn removed(self) -> Result<u64> {
        if let Self::Removed(removed) = self { Ok(removed) } else { Err(self.unexpected()) }
    }

    pub(crate) fn stats(self) -> Result<Stats> {
        if let Self::Stats(stats) = self { Ok(*stats) } else { Err(self.unexpected()) }
    }

    /// The facts of the value that follows the answer, or why there is none.
    pub(crate) fn found(self) -> Result<Result<Facts, String>> {
        match self {
            Self::Found(facts) => Ok(Ok(*facts)),
            Self::Missing(why) => Ok(Err(why)),
            other => Err(other.unexpected()),
        }
    }

    /// The error of an answer to another request.
    fn unexpected(self) -> Error {
        match self {
            Self::Failed(why) | Self::Refused(why) => Error::new(ErrorKind::Cache, why),
            other => Error::new(ErrorKind::Protocol, format!("the cache answered {other:?}")),
        }
    }
}

fn greet(to: &mut impl Write, half: &[u8]) -> io::Result<()> {
    to.write_all(half)?;
    to.flush()
}

/// Reads the peer's greeting; an error when it is another one.
fn check_greeting(from: &mut impl Read, expected: &[u8]) -> io::Result<()> {
    let mut half = [0; HALF];
    from.read_exact(&mut half)?;
    check_half(&half, expected)
}

/// An error when the half of the secret that the peer sent is another one.
fn check_half(said: &[u8; HALF], expected: &[u8]) -> io::Result<()> {
    // All of it is looked at in any case, so that the time tells nothing.
    let differs = said.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b));
    match differs {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, "the peer has another secret")),
    }
}

/// The value of a message: exactly `left` bytes, and an error when the peer goes away before.
struct Exactly<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        match self.from.read(&mut into[..most])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

impl<R: Read> Exactly<R> {
    /// All of it, in memory.
    fn gather(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let length = usize::try_from(self.left).map_err(io::Error::other)?;
        bytes.try_reserve_exact(length).map_err(io::Error::other)?;
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
