//! Files whose entries are gone and that wait to be unlinked, off the writers' path.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;

use crate::meta::Stamp;
use crate::sync::lock;

#[derive(Debug)]
struct Pending {
    /// The log must be durable up to here first: until then a power loss may bring the entry back.
    position: u64,
    name: String,
    bytes: u64,
    /// What the file was; if somebody has rewritten it since, it is no longer ours to remove.
    stamp: Option<Stamp>,
    /// It could not be unlinked when it was tried.
    failed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct UnlinkQueue {
    pending: Mutex<VecDeque<Pending>>,
}

impl UnlinkQueue {
    pub(crate) fn push(&self, position: u64, name: String, bytes: u64, stamp: Option<Stamp>) {
        lock(&self.pending).push_back(Pending { position, name, bytes, stamp, failed: false });
    }

    /// Unlinks with `unlink` what may go now that the log is durable up to `synced`; gives how many
    /// went. What fails is reported once and stays.
    pub(crate) fn run(
        &self,
        synced: u64,
        unlink: impl Fn(&str, Option<Stamp>) -> io::Result<()>,
    ) -> u64 {
        let mut failed = Vec::new();
        let mut unlinked = 0;
        while let Some(mut next) = self.pop(synced) {
            match unlink(&next.name, next.stamp) {
                Ok(()) => unlinked += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => {
                    if !std::mem::replace(&mut next.failed, true) {
                        tracing::warn!(name = next.name, error = %e, "an evicted file cannot be removed; it is tried again");
                    }
                    failed.push(next);
                }
            }
        }
        lock(&self.pending).extend(failed);
        unlinked
    }

    fn pop(&self, synced: u64) -> Option<Pending> {
        let mut pending = lock(&self.pending);
        let ready = pending.front()?.position <= synced;
        if ready { pending.pop_front() } else { None }
    }

    /// How many files wait, and their bytes.
    pub(crate) fn backlog(&self) -> (u64, u64) {
        let pending = lock(&self.pending);
        (pending.len() as u64, pending.iter().map(|one| one.bytes).sum())
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.pending).len()
    }
}
