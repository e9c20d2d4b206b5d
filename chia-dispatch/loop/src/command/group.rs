//! A process group that ends with this program.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal};

/// What the leader runs: it waits for the end of its standard input, whose other end this program
/// alone holds, and kills its group.
const GUARD: &str = "read -r _; kill -KILL 0";

/// A process group, led by a guard. It is killed when this is dropped, and when this program ends.
pub(super) struct Group {
    guard: Child,
    _alive: Option<ChildStdin>,
}

impl Group {
    /// Starts the guard.
    pub(super) fn start() -> io::Result<Self> {
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD]).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut guard = guard.spawn()?;
        let alive = guard.stdin.take();
        Ok(Self { guard, _alive: alive })
    }

    /// The number for processes that join the group.
    pub(super) fn id(&self) -> i32 {
        self.guard.id().cast_signed()
    }

    /// Kills all of the group, the guard included.
    pub(super) fn kill(&self) {
        // The number stays the group's until the guard is waited for. All of it may be dead already.
        if let Some(group) = Pid::from_raw(self.id()) {
            rustix::process::kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // It was killed, so this does not take long, and fails only when it was waited for already.
        self.guard.wait().ok();
    }
}
