//! One owner a directory: a kernel lock, which dies with its holder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::io::{Io, IoFile, Open, read_file, write_all_at};

/// How often a waiting opener looks again.
const POLL: Duration = Duration::from_millis(20);

/// What a holder's description may be long.
const MAX_HOLDER: u64 = 4096;

/// The lock; dropping it lets the next owner in.
#[derive(Debug)]
pub(crate) struct Owner {
    path: PathBuf,
    _file: Arc<dyn IoFile>,
    inode: u64,
    process: u32,
}

impl Owner {
    /// Takes the lock at `path`, waiting up to `wait` for a holder that is going away.
    pub(crate) fn take(io: &dyn Io, path: &Path, wait: Duration) -> Result<Self> {
        let fail = |e| Error::io("lock", path, e);
        let deadline = Instant::now() + wait;
        loop {
            let file = io.open(path, Open::Create).map_err(fail)?;
            if file.try_lock().map_err(fail)? {
                let inode = file.metadata().map_err(fail)?.inode;
                // Somebody may have removed the file before it was locked.
                if io.metadata(path).is_ok_and(|found| found.inode == inode) {
                    return Ok(Self::holding(path, file, inode));
                }
            } else if holder_is_gone(io, path) {
                // A forked child of the holder keeps its lock alive. The child is no owner and knows it.
                replace_lock(io, path).map_err(fail)?;
                continue;
            }
            if Instant::now() >= deadline {
                let dir = path.parent().and_then(Path::parent).unwrap_or(path);
                return Err(Error::new(
                    ErrorKind::Locked { holder: holder(io, path) },
                    "open",
                    dir,
                ));
            }
            sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
        }
    }

    fn holding(path: &Path, file: Arc<dyn IoFile>, inode: u64) -> Self {
        // Only for messages and for a holder that died, so a failure here does no harm.
        let _ = file.set_len(0).and_then(|()| write_all_at(&*file, 0, describe().as_bytes()));
        Self { path: path.to_owned(), _file: file, inode, process: std::process::id() }
    }

    /// Fails unless this process still owns the directory.
    pub(crate) fn verify(&self, io: &dyn Io) -> Result<()> {
        let lost = |why: &str| {
            let dir = self.path.parent().and_then(Path::parent).unwrap_or(&self.path);
            Err(Error::new(ErrorKind::NotOwner { why: why.to_owned() }, "change", dir))
        };
        if !self.is_this_process() {
            return lost("this process was forked from the owner; open the store anew in it");
        }
        match io.metadata(&self.path) {
            Ok(found) if found.inode == self.inode => Ok(()),
            Ok(_) => lost("another owner has replaced its lock file"),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                lost("its lock file or the whole directory was removed; open the store anew")
            }
            Err(e) => Err(Error::io("look at", &self.path, e)),
        }
    }

    pub(crate) fn is_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

fn holder(io: &dyn Io, path: &Path) -> String {
    let text = read_file(io, path, MAX_HOLDER).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => line.to_owned(),
        _ => "another process".to_owned(),
    }
}

/// This process: a line for people, and a line that tells whether it still runs.
fn describe() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "this host" } else { host.trim() };
    let command = std::env::args().next().unwrap_or_default();
    let process = std::process::id();
    let identity = identity(process).unwrap_or_default();
    format!("process {process} on {host} ({command})\n{process} {identity}\n")
}

/// What tells a process from another with its number: boot, namespace, and when it started.
fn identity(process: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the command may hold anything, but the last parenthesis ends it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    let started = fields.nth(18)?;
    Some(format!("{} {} {started}", boot.trim(), namespace.display()))
}

/// Whether the process that wrote its identity into the lock file has ended. In doubt it has not.
fn holder_is_gone(io: &dyn Io, path: &Path) -> bool {
    let text = read_file(io, path, MAX_HOLDER).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let Some((process, then)) = text.lines().nth(1).and_then(|line| line.split_once(' ')) else {
        return false;
    };
    let (Ok(process), Some(me)) = (process.parse(), identity(std::process::id())) else {
        return false;
    };
    let place = |identity: &str| identity.rsplit_once(' ').map(|(place, _)| place.to_owned());
    let same_place = place(then).is_some() && place(then) == place(&me);
    same_place && identity(process).as_deref() != Some(then)
}

/// Removes a lock file whose holder is gone. Openers that do so take turns, so that none removes the
/// file that another has just made.
fn replace_lock(io: &dyn Io, path: &Path) -> std::io::Result<()> {
    let turn = io.open(&path.with_extension("takeover"), Open::Create)?;
    while !turn.try_lock()? {
        sleep(POLL);
    }
    if holder_is_gone(io, path) && !io.open(path, Open::Create)?.try_lock()? {
        io.remove(path)?;
    }
    Ok(())
}
