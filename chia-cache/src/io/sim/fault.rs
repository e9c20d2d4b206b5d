//! What goes wrong.

use std::io;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `EIO`; a sync that fails also makes the kernel forget what was dirty.
    Eio,
    /// `ENOSPC`, for this and every later operation that takes space.
    Enospc,
    /// Half of a write gets through, then `EIO`.
    ShortWrite,
    /// The process is gone: this and every later operation fails and changes nothing.
    Crash,
}

/// What a power loss does to what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The process died, the system lives: nothing is lost, and nothing became durable by it.
    Process,
    /// All of it goes.
    Everything,
    /// Names stay, contents go: files are there but empty or old.
    Contents,
    /// Each write, or each sector of it, and each change of a name stays or goes by the toss of a coin.
    Random(u64),
}

/// What an operation needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// Space for a name.
    Name,
    /// Space for bytes.
    Bytes,
}

/// The fault to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailAt {
    pub(super) at: u64,
    pub(super) fault: Fault,
    /// Whether it has come.
    pub(super) failed: bool,
}

impl FailAt {
    /// Whether the operation `now` fails, and how.
    pub(super) fn check(&mut self, now: u64, need: Need) -> io::Result<()> {
        let hit = match self.fault {
            Fault::Eio => now == self.at,
            // It waits for a write of bytes, which the caller does by half.
            Fault::ShortWrite => now >= self.at && !self.failed && need == Need::Bytes,
            Fault::Enospc => now >= self.at && need != Need::Nothing,
            Fault::Crash => now >= self.at,
        };
        self.failed |= hit;
        match self.fault {
            _ if !hit => Ok(()),
            Fault::ShortWrite => {
                self.at = now;
                Ok(())
            }
            Fault::Enospc => Err(io::ErrorKind::StorageFull.into()),
            Fault::Eio | Fault::Crash => Err(io::Error::other("injected")),
        }
    }

    /// Whether the operation that was counted as `now` is a write to be cut in half.
    pub(super) fn is_short(&self, now: u64) -> bool {
        self.failed && self.fault == Fault::ShortWrite && self.at == now
    }
}
