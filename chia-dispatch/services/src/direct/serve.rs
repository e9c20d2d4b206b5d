//! The cache's side: a thread for the door, and one for each who has entered.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use chia_cache::{Entry, Replay, Store};
use rustix::process::{Resource, getrlimit};

use super::{Answer, BUFFER, Door, Exactly, Request, Secret, check_greeting, greet};
use super::{read_head, write_head};
use crate::cache::CONCURRENCY;

/// Who enters says so within this time.
const GREETING: Duration = Duration::from_secs(5);
/// Who says nothing for this long is sent away, and comes back when there is something to ask.
const SILENCE: Duration = Duration::from_secs(600);
/// Who moves nothing of a value for this long is sent away, since others wait for its turn.
const STALLED: Duration = Duration::from_secs(30);
/// So many are inside at a time at most; others take the way through the backend.
const GUESTS: u64 = 4096;
/// A pause after the machine had no room for another connection.
const CROWDED: Duration = Duration::from_millis(50);
/// Values up to this size are gathered in memory; larger ones stream into the store.
const GATHER: u64 = 1024 * 1024;

/// Opens the door of a store, for as long as this process lives.
pub(crate) fn open(store: Store, host: IpAddr, secret: Secret) -> io::Result<Door> {
    let listener = TcpListener::bind((host, 0))?;
    let door = Door { address: listener.local_addr()?, secret };
    let told = door.clone();
    let accepting = thread::Builder::new().name("chia-door".into());
    accepting.spawn(move || accept(&listener, &store, &door))?;
    Ok(told)
}

fn accept(listener: &TcpListener, store: &Store, door: &Door) {
    let (inside, guests) = (Arc::new(Turns::new()), guests());
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            thread::sleep(CROWDED);
            continue;
        };
        let guest = Arc::clone(&inside);
        if Arc::strong_count(&inside) as u64 > guests + 1 {
            continue;
        }
        let (store, door) = (store.clone(), door.clone());
        let serving = thread::Builder::new().name("chia-guest".into());
        // Without a thread for it the connection ends here, and the guest takes the other way.
        drop(serving.spawn(move || {
            serve(&stream, &store, &door, &guest).ok();
        }));
    }
}

/// How many may be inside: half of the files that this process may open are left to the store and to
/// whoever else lives here.
fn guests() -> u64 {
    getrlimit(Resource::Nofile).current.map_or(GUESTS, |files| GUESTS.min(files / 2))
}

/// Answers one guest until it leaves.
fn serve(stream: &TcpStream, store: &Store, door: &Door, turns: &Turns) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(STALLED))?;
    stream.set_read_timeout(Some(GREETING))?;
    let (theirs, ours) = door.halves();
    let mut from = BufReader::with_capacity(BUFFER, stream);
    check_greeting(&mut from, theirs)?;
    let mut to = BufWriter::with_capacity(BUFFER, stream);
    greet(&mut to, ours)?;
    loop {
        stream.set_read_timeout(Some(SILENCE))?;
        let (request, length) = read_head(&mut from)?;
        // Who is silent between requests holds up nobody.
        let _turn = turns.take();
        stream.set_read_timeout(Some(STALLED))?;
        let mut value = Exactly { from: &mut from, left: length };
        let (answer, found) = answer(store, &request, &mut value)?;
        // What the store did not want is still on its way.
        io::copy(&mut value, &mut io::sink())?;
        write_head(&mut to, &answer, found.len() as u64)?;
        to.write_all(&found)?;
        to.flush()?;
    }
}

/// What the store has to say. An error is one of the connection.
fn answer(
    store: &Store,
    request: &Request<'_>,
    value: &mut Exactly<impl Read>,
) -> io::Result<(Answer, Bytes)> {
    let nothing = |answer| (answer, Bytes::new());
    let missing = |why: String| nothing(Answer::Missing(why));
    let found = |Entry { value, facts, .. }| (Answer::Found(facts), value);
    let answered = match request {
        Request::Write { tag, entry } => {
            let written = if value.left <= GATHER {
                store.write(tag, value.gather()?, entry)
            } else {
                store.write_from(tag, value, entry)
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
    };
    Ok(answered.unwrap_or_else(|error| nothing(Answer::Failed(error.to_string()))))
}

/// The requests that may be served at once, as the actor's calls are bounded: each may hold a value
/// and keep the disk busy.
struct Turns {
    free: Mutex<u32>,
    freed: Condvar,
}

impl Turns {
    fn new() -> Self {
        Self { free: Mutex::new(CONCURRENCY), freed: Condvar::new() }
    }

    /// Waits for a turn, which ends when it is dropped.
    fn take(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }
}

struct Turn<'t>(&'t Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
