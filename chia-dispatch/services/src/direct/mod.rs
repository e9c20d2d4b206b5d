//! The direct way to a cache: a socket of the process that holds it.
//!
//! An actor call of an engine may cost as much as the task that makes it. So the cache's actor also
//! opens a [`Door`], and tells it to whoever starts or attaches to the cache; from there it travels
//! with the rules. Reading, writing and looking go through the door; all else, and these too while the
//! door cannot be reached, are calls of the actor.
//!
//! ```text
//! greeting = 16 bytes, the one half of the secret | in return the other half
//! message  = u32 length of the header | u64 length of the value | header | value
//! ```
//!
//! Numbers are little-endian, headers postcard. A request and its answer are a message each, one
//! after the other; a connection serves one request at a time.

mod line;
mod serve;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use chia_cache::{Facts, NewEntry, Written};
use chia_dispatch::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use line::CacheLine;
pub(super) use serve::open;

use super::{pack, unpack};

/// What proves both sides to each other: whoever has it may read and write the cache.
pub type Secret = [u8; 32];

/// Half of a [`Secret`], each side's part of the greeting.
const HALF: usize = 16;

/// The longest header, in bytes. Tags are much shorter.
const MAX_HEADER: usize = 1024 * 1024;

/// The bytes before the header: the lengths of the header and of the value.
const HEAD: usize = 4 + 8;

/// As much is gathered before a system call, in bytes.
const BUFFER: usize = 64 * 1024;

/// Where a cache can be reached directly.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Door {
    address: SocketAddr,
    secret: Secret,
}

impl Door {
    /// What the actor answers to those who ask for its door; `None` where it has none.
    pub(super) fn to_answer(door: Option<&Self>) -> Result<bytes::Bytes> {
        pack(&door, &[])
    }

    /// The door that a cache's actor answered with, if it has one.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`](chia_dispatch::ErrorKind::Protocol) when that cannot be read.
    pub fn from_answer(answer: &bytes::Bytes) -> Result<Option<Self>> {
        unpack(answer).map(|(door, _)| door)
    }

    /// What who enters says, and what the cache says in return.
    fn halves(&self) -> (&[u8], &[u8]) {
        self.secret.split_at(HALF)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.address)
    }
}

/// What may be asked at the door.
#[derive(Debug, Serialize, Deserialize)]
enum Request<'a> {
    /// Keep the value that follows.
    Write { tag: Cow<'a, str>, entry: NewEntry },
    /// The value under a tag.
    Read { tag: Cow<'a, str> },
    /// The value under a tag, if it may stand for a computation of a function.
    Replay { tag: Cow<'a, str>, function: Cow<'a, str> },
    /// Whether there is a value.
    Has { tag: Cow<'a, str> },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Written(Written),
    /// The value follows.
    Found(Box<Facts>),
    /// There is none, and why.
    Missing(String),
    Has(bool),
    /// The store could not do it.
    Failed(String),
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

/// A message up to its value.
fn encode_head(header: &impl Serialize, value: u64) -> io::Result<Vec<u8>> {
    let header = postcard::to_stdvec(header).map_err(io::Error::other)?;
    let length = u32::try_from(header.len()).ok().filter(|_| header.len() <= MAX_HEADER);
    let length = length.ok_or_else(|| io::Error::other("the header is too long"))?;
    Ok([&length.to_le_bytes()[..], &value.to_le_bytes(), &header].concat())
}

/// The lengths of a message's header and of its value.
fn parse_lengths(head: &[u8; HEAD]) -> io::Result<(usize, u64)> {
    let (header, value) = head.split_at(4);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let header = usize::try_from(number(header)).map_err(io::Error::other)?;
    if header > MAX_HEADER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer's header is too long"));
    }
    Ok((header, number(value)))
}

fn parse_header<'b, T: Deserialize<'b>>(header: &'b [u8]) -> io::Result<T> {
    postcard::from_bytes(header).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a message up to its value.
fn write_head(to: &mut impl Write, header: &impl Serialize, value: u64) -> io::Result<()> {
    to.write_all(&encode_head(header, value)?)
}

/// Reads a message up to its value, and the value's length.
fn read_head<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, u64)> {
    let mut head = [0; HEAD];
    from.read_exact(&mut head)?;
    let (length, value) = parse_lengths(&head)?;
    let mut header = vec![0; length];
    from.read_exact(&mut header)?;
    Ok((parse_header(&header)?, value))
}

/// The value of a message: so many bytes, and an error when the peer goes away before.
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
