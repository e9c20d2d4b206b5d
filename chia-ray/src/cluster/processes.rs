//! The processes below another one, as `/proc` shows them.

use std::collections::HashMap;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process, which is another one once its number is given away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: u32,
    /// When it started, in the kernel's ticks since boot.
    started: u64,
}

impl Process {
    /// Ends it, unless it has ended.
    pub(super) fn kill(&self) {
        let is_same = stat(self.pid).is_some_and(|(_, started)| started == self.started);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (true, Some(pid)) = (is_same, pid) {
            kill_process(pid, Signal::KILL).ok();
        }
    }
}

/// Every process that descends from `root`.
pub(super) fn below(root: u32) -> Vec<Process> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some((pid, (parent, started))) = pid.and_then(|pid| Some((pid, stat(pid)?))) {
            children.entry(parent).or_default().push(Process { pid, started });
        }
    }
    let (mut found, mut parents) = (Vec::new(), vec![root]);
    while let Some(parent) = parents.pop() {
        let own = children.remove(&parent).unwrap_or_default();
        parents.extend(own.iter().map(|process| process.pid));
        found.extend(own);
    }
    found
}

/// The parent of a process, and when it started.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some((parent, started))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_leads_a_group_of_its_own_is_found_and_ended() {
        let script = "setsid sleep 600 & echo $!; wait";
        let mut shell = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn();
        let shell = shell.as_mut().unwrap();
        let mut said = [0; 32];
        let length = shell.stdout.as_mut().unwrap().read(&mut said).unwrap();
        let pid: u32 = String::from_utf8_lossy(&said[..length]).trim().parse().unwrap();
        let found = below(shell.id());
        let sleep = found.iter().find(|process| process.pid == pid).unwrap();
        let other = Process { started: sleep.started + 1, ..*sleep };
        other.kill();
        assert!(stat(pid).is_some(), "another process of that number is left alone");
        sleep.kill();
        // The shell waits for it.
        shell.wait().unwrap();
        assert!(below(std::process::id()).iter().all(|process| process.pid != pid));
    }
}
