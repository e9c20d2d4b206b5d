//! Files whose entries are gone and that wait to be unlinked, off the writers' path.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::lock;

#[derive(Debug)]
struct Pending {
    /// The log must be durable up to here first: until then a power loss may bring the entry back.
    position: u64,
    name: String,
    bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct UnlinkQueue {
    pending: Mutex<VecDeque<Pending>>,
}

impl UnlinkQueue {
    pub(crate) fn push(&self, position: u64, name: String, bytes: u64) {
        lock(&self.pending).push_back(Pending { position, name, bytes });
    }

    /// The next file that may go now that the log is durable up to `synced`.
    pub(crate) fn pop(&self, synced: u64) -> Option<String> {
        let mut pending = lock(&self.pending);
        if pending.front()?.position > synced {
            return None;
        }
        pending.pop_front().map(|next| next.name)
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
