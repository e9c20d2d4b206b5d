//! One owner a directory: a kernel lock, which dies with its holder.

use std::path::Path;
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
    _file: Arc<dyn IoFile>,
}

impl Owner {
    /// Takes the lock at `path`, waiting up to `wait` for a holder that is going away.
    pub(crate) fn take(io: &dyn Io, path: &Path, wait: Duration) -> Result<Self> {
        let fail = |e| Error::io("lock", path, e);
        let file = io.open(path, Open::Create).map_err(fail)?;
        let deadline = Instant::now() + wait;
        while !file.try_lock().map_err(fail)? {
            if Instant::now() >= deadline {
                let holder = read_file(io, path, MAX_HOLDER).unwrap_or_default();
                let holder = String::from_utf8_lossy(&holder).trim().to_owned();
                let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
                return Err(Error::new(
                    ErrorKind::Locked { holder },
                    "open",
                    path.parent().unwrap_or(path),
                ));
            }
            sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
        }
        // Only for the message that the next one gets, so a failure here does no harm.
        let _ = file.set_len(0).and_then(|()| write_all_at(&*file, 0, describe().as_bytes()));
        Ok(Self { _file: file })
    }
}

/// This process, for people.
fn describe() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "this host" } else { host.trim() };
    let command = std::env::args().next().unwrap_or_default();
    format!("process {} on {host} ({command})", std::process::id())
}
