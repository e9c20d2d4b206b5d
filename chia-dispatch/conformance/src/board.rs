//! How a case knows what its tasks do: they say so over a socket of the kit's own.
//!
//! Tasks may run in other processes, and the backend is what is under test, so neither shared memory
//! nor its actors can be the witness. A task connects and sends one line, `mark LABEL` or
//! `wait LABEL`. Both are written to the log in the order of arrival; `mark` is answered at once,
//! `wait` when the case opens that label. A connection that closes while it waits is logged as
//! `gone LABEL`: so a case sees that a body was dropped or its process died.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use chia_dispatch::{Error, ErrorKind, Result};

/// The case's end.
pub(crate) struct Board {
    address: SocketAddr,
    state: Arc<State>,
    server: AbortHandle,
}

#[derive(Default)]
struct State {
    log: watch::Sender<Vec<String>>,
    open: watch::Sender<HashSet<String>>,
}

impl State {
    fn write(&self, line: String) {
        self.log.send_modify(|log| log.push(line));
    }
}

impl Board {
    pub(crate) async fn bind(host: IpAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((host, 0)).await?;
        let (address, state) = (listener.local_addr()?, Arc::<State>::default());
        let server = tokio::spawn(serve(listener, Arc::clone(&state))).abort_handle();
        Ok(Self { address, state, server })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets everyone pass who waits for this label, now or later.
    pub(crate) fn open(&self, label: &str) {
        self.state.open.send_modify(|open| {
            open.insert(label.to_owned());
        });
    }

    /// Returns once the log satisfies a condition.
    pub(crate) async fn until(&self, condition: impl FnMut(&Vec<String>) -> bool) {
        let mut log = self.state.log.subscribe();
        log.wait_for(condition).await.expect("the board holds a sender");
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.state.log.borrow().clone()
    }

    /// The log as it grows, for who outlives the case.
    pub(crate) fn listen(&self) -> watch::Receiver<Vec<String>> {
        self.state.log.subscribe()
    }

    pub(crate) fn count(&self, label: &str) -> usize {
        self.state.log.borrow().iter().filter(|line| *line == label).count()
    }

    /// How many were inside at once, at most, where `+` is logged on entering and `-` on leaving.
    pub(crate) fn peak(&self) -> usize {
        let inside = self.state.log.borrow().iter().fold((0_usize, 0), |(now, peak), line| {
            let now = match line.as_str() {
                "+" => now + 1,
                "-" => now - 1,
                _ => now,
            };
            (now, peak.max(now))
        });
        inside.1
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(answer(stream, Arc::clone(&state)));
    }
}

/// One connection. An I/O error means that the other side is gone: there is nobody to tell.
async fn answer(stream: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let (verb, label) = line.trim_end().split_once(' ').unwrap_or_default();
    state.write(label.to_owned());
    if verb == "wait" {
        let mut open = state.open.subscribe();
        tokio::select! {
            _ = open.wait_for(|open| open.contains(label)) => {}
            _ = stream.read_u8() => {
                state.write(format!("gone {label}"));
                return Ok(());
            }
        }
    }
    stream.write_all(b"ok\n").await
}

/// The task's end: says that it is at a label and does not wait.
pub(crate) async fn mark(board: SocketAddr, label: &str) -> Result<()> {
    let stream = say(board, "mark", label).await?;
    answered(stream, label).await
}

/// Says that it is at a label and returns once that is open.
pub(crate) async fn wait(board: SocketAddr, label: &str) -> Result<()> {
    let stream = hold(board, label).await?;
    answered(stream, label).await
}

/// Says that it is at a label; the board sees the connection close when the stream is dropped.
pub(crate) async fn hold(board: SocketAddr, label: &str) -> Result<TcpStream> {
    say(board, "wait", label).await
}

/// As [`mark`], from a thread that may block.
pub(crate) fn mark_blocking(board: SocketAddr, label: &str) -> Result<()> {
    use std::io::{Read as _, Write as _};
    let say = || {
        let mut stream = std::net::TcpStream::connect(board)?;
        stream.write_all(format!("mark {label}\n").as_bytes())?;
        stream.read_exact(&mut [0])
    };
    say().map_err(|error| lost(label, error))
}

async fn say(board: SocketAddr, verb: &str, label: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(board).await.map_err(|error| lost(label, error))?;
    let line = format!("{verb} {label}\n");
    stream.write_all(line.as_bytes()).await.map_err(|error| lost(label, error))?;
    Ok(stream)
}

async fn answered(mut stream: TcpStream, label: &str) -> Result<()> {
    stream.read_u8().await.map(drop).map_err(|error| lost(label, error))
}

fn lost(label: &str, error: std::io::Error) -> Error {
    let message = format!("the case that would hear {label:?} is over or cannot be reached");
    Error::new(ErrorKind::Io, message).with_source(error)
}
