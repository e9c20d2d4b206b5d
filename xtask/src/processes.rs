//! Nothing that we start outlives us: every descendant is found, and ended if need be.
//!
//! Tests start clusters, whose daemons detach into sessions of their own. So process groups do not
//! reach them all. We become the *subreaper* instead: a process that loses its parent becomes our
//! child, and a walk through `/proc` finds them all.

use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

/// Held while a process is started. To end all processes, hold it for good: no new one appears.
static STARTING: Mutex<()> = Mutex::new(());

/// A living process below us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pid: Pid,
    /// The short name that the kernel keeps.
    pub(crate) name: String,
}

/// Makes us the parent of all orphans below us.
pub(crate) fn adopt_orphans() -> anyhow::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// To be held while a process is started.
pub(crate) fn starting() -> MutexGuard<'static, ()> {
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every descendant: politely, and after `grace` for good.
pub(crate) fn end_all(grace: Duration) {
    signal_until_gone(Signal::TERM, grace);
    signal_until_gone(Signal::KILL, Duration::from_secs(5));
}

/// Waits up to `grace` for all descendants to go by themselves; gives back those that stay.
/// Only to be called while no child is being waited for, since it reaps.
pub(crate) fn leftovers(grace: Duration) -> Vec<Process> {
    let start = Instant::now();
    loop {
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        let left = descendants();
        if left.is_empty() || start.elapsed() > grace {
            return left;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn signal_until_gone(signal: Signal, grace: Duration) {
    let start = Instant::now();
    let mut signalled = Vec::new();
    loop {
        let left = descendants();
        if left.is_empty() || start.elapsed() > grace {
            return;
        }
        for process in left {
            if !signalled.contains(&process) {
                // It may have ended meanwhile, which is what we want.
                let _ = kill_process(process.pid, signal);
                signalled.push(process);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Everyone below us who still lives.
fn descendants() -> Vec<Process> {
    let mut children: HashMap<i32, Vec<(i32, String)>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((pid, parent, name)) = parse_stat(&stat) {
            children.entry(parent).or_default().push((pid, name));
        }
    }
    let mut found = Vec::new();
    let mut parents = vec![getpid().as_raw_pid()];
    while let Some(parent) = parents.pop() {
        for (pid, name) in children.remove(&parent).unwrap_or_default() {
            parents.push(pid);
            found.extend(Pid::from_raw(pid).map(|pid| Process { pid, name }));
        }
    }
    found
}

/// Pid, parent and name of a line of `/proc/<pid>/stat`, unless it is a zombie.
fn parse_stat(stat: &str) -> Option<(i32, i32, String)> {
    let (head, tail) = stat.rsplit_once(") ")?;
    let (pid, name) = head.split_once(" (")?;
    let mut fields = tail.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z" && state != "X").then_some((pid.parse().ok()?, parent, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_and_spaces_do_not_confuse_the_parser() {
        let line = "12 (tmux: (server) x) S 7 12 12 0";
        assert_eq!(parse_stat(line), Some((12, 7, "tmux: (server) x".to_owned())));
        assert_eq!(parse_stat("12 (gone) Z 7 12 12 0"), None);
        assert_eq!(parse_stat(""), None);
    }
}
