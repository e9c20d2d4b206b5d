//! The owner of a cache, for the tools of its user: an endpoint on the loopback address whose place and
//! secret are in the directory of the cache, in a file for the user alone.
//!
//! The file outlives an owner that is killed. It then names an endpoint that is not there, or one of
//! another process that does not know the secret, and the next owner replaces it.

use std::borrow::Cow;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chia_cache::{ByteSize, NewEntry, Stats, Store, Written};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::direct::{self, Answer, CacheEndpoint, DirectClient, Request, Secret, Served};

/// The first line of the file.
const FORMAT: &str = "chia-cache endpoint 1";
/// An owner answers within this time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Where the endpoint of the owner of the cache in `dir` is described.
fn path(dir: &Path) -> PathBuf {
    dir.join(".chia").join("endpoint")
}

/// Serves the tools until the last handle of the store is dropped.
pub(crate) fn serve(store: &Store) -> io::Result<()> {
    let mut secret = Secret::default();
    getrandom(&mut secret, GetRandomFlags::empty())?;
    let served = Served::WhileOpen(store.downgrade());
    let endpoint = direct::open(served, Ipv4Addr::LOCALHOST.into(), secret)?;
    let path = path(store.dir());
    let new = path.with_extension("new");
    // One that an owner left when it was killed.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let digits: String = endpoint.secret().iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(file, "{FORMAT}\n{}\n{digits}", endpoint.address())?;
    fs::rename(new, path)
}

/// Reads what [`serve`] wrote.
fn read(dir: &Path) -> io::Result<CacheEndpoint> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "its endpoint file is damaged");
    let text = fs::read_to_string(path(dir))?;
    let mut lines = text.lines();
    if lines.next() != Some(FORMAT) {
        return Err(invalid());
    }
    let address = lines.next().and_then(|line| line.parse().ok()).ok_or_else(invalid)?;
    let digits = lines.next().filter(|digits| digits.len() == 64).ok_or_else(invalid)?;
    let mut secret = Secret::default();
    for (at, byte) in secret.iter_mut().enumerate() {
        let pair = digits.get(2 * at..2 * at + 2).ok_or_else(invalid)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
    }
    Ok(CacheEndpoint::new(address, secret))
}

/// A connection to the process that owns a cache. Its operations block for a minute at most.
#[derive(Debug)]
pub struct OwnerClient(DirectClient);

/// Why the owner of a cache did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum OwnerError {
    /// There is no owner, or it does not answer.
    Unreachable(io::Error),
    /// The rules of the store forbid it: too many entries would go, or pinned ones do not fit.
    Refused(String),
    /// The store failed.
    Failed(String),
}

impl OwnerClient {
    /// Connects to the owner of the cache in `dir`.
    ///
    /// # Errors
    /// [`Unreachable`](OwnerError::Unreachable): there is no owner, or none that can be asked.
    pub fn connect(dir: &Path) -> Result<Self, OwnerError> {
        let endpoint = read(dir).map_err(OwnerError::Unreachable)?;
        let client = Self(DirectClient::new(Some(endpoint)));
        client.stats().map(|_| client)
    }

    /// The state of the store, and its counters since it was opened.
    ///
    /// # Errors
    /// As all operations: the owner cannot be reached, or its store refuses or fails.
    pub fn stats(&self) -> Result<Stats, OwnerError> {
        match self.ask(&Request::Stats, &[])? {
            Answer::Stats(stats) => Ok(*stats),
            other => Err(unexpected(other)),
        }
    }

    /// Removes the entry under `tag`; false if there is none.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    pub fn evict(&self, tag: &str) -> Result<bool, OwnerError> {
        self.change(&Request::Evict { tag: Cow::Borrowed(tag) })
    }

    /// Pins the entry under `tag`, or unpins it; false if there is none.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    pub fn pin(&self, tag: &str, pinned: bool) -> Result<bool, OwnerError> {
        self.change(&Request::Pin { tag: Cow::Borrowed(tag), pinned })
    }

    /// Removes every entry and gives how many there were.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    pub fn clear(&self) -> Result<u64, OwnerError> {
        match self.ask(&Request::Clear, &[])? {
            Answer::Removed(removed) => Ok(removed),
            other => Err(unexpected(other)),
        }
    }

    /// Changes the budget, and gives the state after it.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    pub fn resize(&self, budget: ByteSize, allow_shrink: bool) -> Result<Stats, OwnerError> {
        match self.ask(&Request::Resize { budget, allow_shrink }, &[])? {
            Answer::Stats(stats) => Ok(*stats),
            other => Err(unexpected(other)),
        }
    }

    /// Stores a value.
    ///
    /// # Errors
    /// As [`stats`](Self::stats).
    pub fn write(&self, tag: &str, value: &[u8], entry: NewEntry) -> Result<Written, OwnerError> {
        match self.ask(&Request::Write { tag: Cow::Borrowed(tag), entry }, value)? {
            Answer::Written(written) => Ok(written),
            other => Err(unexpected(other)),
        }
    }

    fn change(&self, request: &Request<'_>) -> Result<bool, OwnerError> {
        match self.ask(request, &[])? {
            Answer::Has(changed) => Ok(changed),
            other => Err(unexpected(other)),
        }
    }

    fn ask(&self, request: &Request<'_>, value: &[u8]) -> Result<Answer, OwnerError> {
        let send = |to: &mut dyn Write| to.write_all(value);
        let answered = self.0.ask(request, (value.len() as u64, &send), TIMEOUT);
        match answered.map_err(OwnerError::Unreachable)?.0 {
            Answer::Refused(why) => Err(OwnerError::Refused(why)),
            Answer::Failed(why) => Err(OwnerError::Failed(why)),
            answer => Ok(answer),
        }
    }
}

fn unexpected(answer: Answer) -> OwnerError {
    OwnerError::Failed(format!("the owner answered {answer:?}"))
}

impl fmt::Display for OwnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "the owner cannot be asked: {error}"),
            Self::Refused(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OwnerError {}
