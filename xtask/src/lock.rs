//! One job at a time in a checkout: two would install into one environment, and measure each other.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context;

use crate::repo;

/// Set for commands that a job starts, which may be jobs themselves.
const INHERITED: &str = "CHIA_XTASK_LOCKED";

/// The lock of this process, until it ends.
static HELD: OnceLock<File> = OnceLock::new();

/// Waits until no other job runs in this checkout, and says so if it has to.
pub(crate) fn take() -> anyhow::Result<()> {
    if HELD.get().is_some() || std::env::var_os(INHERITED).is_some() {
        return Ok(());
    }
    let file = lock(&repo::target().join("xtask.lock"), |holder| {
        eprintln!("waiting for `{holder}`, which works in this checkout");
    })?;
    // Another thread of ours may have been faster; its lock is as good.
    let _ = HELD.set(file);
    Ok(())
}

/// What commands need to know if this process holds the lock.
pub(crate) fn inherited() -> Option<(&'static str, &'static str)> {
    HELD.get().map(|_| (INHERITED, "1"))
}

/// Locks a file, which names the process that holds it.
fn lock(path: &Path, waits_for: impl FnOnce(&str)) -> anyhow::Result<File> {
    fs::create_dir_all(path.parent().context("a lock file has a folder")?)?;
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            waits_for(holder.trim());
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the checkout"),
    }
    file.set_len(0)?;
    let job: Vec<String> = std::env::args().skip(1).collect();
    let mut start = File::options().append(true).open(path)?;
    writeln!(start, "cargo xtask {} (process {})", job.join(" "), std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_second_job_waits_for_the_first_and_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/lock");
        let first = lock(&path, |_| panic!("nobody else is there")).unwrap();
        let (send, receive) = mpsc::channel();
        let second = thread::spawn(move || {
            let waits = send.clone();
            let file = lock(&path, |holder| waits.send(holder.to_owned()).unwrap()).unwrap();
            send.send("locked".to_owned()).unwrap();
            drop(file);
        });
        let process = format!("(process {})", std::process::id());
        let said = receive.recv().unwrap();
        assert!(said.starts_with("cargo xtask") && said.ends_with(&process), "{said}");
        assert!(receive.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
        drop(first);
        assert_eq!(receive.recv().unwrap(), "locked");
        second.join().unwrap();
    }
}
