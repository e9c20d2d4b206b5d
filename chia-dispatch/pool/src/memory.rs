//! The limit of a worker's memory.

use rustix::process::Pid;

use chia_dispatch::Result;
#[cfg(target_os = "linux")]
use chia_dispatch::{Error, ErrorKind};

/// Whether this system has a limit that can be set from outside.
pub(super) const ENFORCED: bool = cfg!(target_os = "linux");

/// Lets a process allocate `more` bytes beyond those that it has; `None` removes the limit.
///
/// `RLIMIT_DATA` counts private writable memory (setrlimit(2)); the address space that an allocator
/// or a runtime merely reserves does not count, as it would with `RLIMIT_AS`.
///
/// # Errors
/// [`WorkerDied`](ErrorKind::WorkerDied) when the process is ending or gone, [`Io`](ErrorKind::Io)
/// when the system refuses.
#[cfg(target_os = "linux")]
pub(super) fn limit(process: Pid, more: Option<u64>) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

    let current = match more {
        Some(more) => Some(in_use(process)?.saturating_add(more)),
        None => None,
    };
    // The hard limit stays what this process was given.
    let maximum = getrlimit(Resource::Data).maximum;
    let current = match (current, maximum) {
        (Some(current), Some(maximum)) => Some(current.min(maximum)),
        (current, maximum) => current.or(maximum),
    };
    let set = prlimit(Some(process), Resource::Data, Rlimit { current, maximum });
    set.map(drop).map_err(|error| match error {
        rustix::io::Errno::SRCH => gone(error),
        error => {
            let message = "the memory limit of a worker process cannot be set";
            Error::new(ErrorKind::Io, message).with_source(error)
        }
    })
}

/// The bytes that count against the limit now: `VmData` of proc(5). A process that ends has none.
#[cfg(target_os = "linux")]
fn in_use(process: Pid) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()));
    let status = status.map_err(gone)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib.saturating_mul(1024))
        .ok_or_else(|| gone(std::io::Error::from(std::io::ErrorKind::InvalidData)))
}

#[cfg(target_os = "linux")]
fn gone(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::WorkerDied, "a worker process ended before it had work")
        .with_source(error)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn limit(_process: Pid, _more: Option<u64>) -> Result<()> {
    Ok(())
}
