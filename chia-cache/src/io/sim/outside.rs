//! What happens to the file system from outside of the store: faults to come, strangers, and a look at it.

use std::path::{Path, PathBuf};

use super::Sim;
use super::fault::{FailAt, Fault};
use super::state::BLOCK;
use crate::sync::lock;

impl Sim {
    /// Makes the `n`-th operation from now (from 0) fail.
    pub(crate) fn fail_at(&self, n: u64, fault: Fault) {
        let mut state = lock(&self.state);
        state.fail_at = Some(FailAt { at: state.operations + n, fault, failed: false });
    }

    /// Ends all failing; says whether an operation failed since [`fail_at`](Self::fail_at).
    pub(crate) fn heal(&self) -> bool {
        let mut state = lock(&self.state);
        state.capacity = None;
        state.fail_at.take().is_some_and(|fail_at| fail_at.failed)
    }

    /// Whether the process has met its [`Fault::Crash`].
    pub(crate) fn has_crashed(&self) -> bool {
        let fail_at = lock(&self.state).fail_at;
        fail_at.is_some_and(|fail_at| fail_at.failed && fail_at.fault == Fault::Crash)
    }

    /// Whether a fault is on its way or has come and was not healed.
    pub(crate) fn is_faulty(&self) -> bool {
        lock(&self.state).fail_at.is_some()
    }

    /// Other programs take all of the disk but `left` bytes.
    pub(crate) fn fill_up(&self, left: u64) {
        let mut state = lock(&self.state);
        state.capacity = Some(state.used() + left / BLOCK * BLOCK);
    }

    /// Limits the bytes of the disk.
    pub(crate) fn limit(&self, capacity: Option<u64>) {
        lock(&self.state).capacity = capacity;
    }

    /// Bytes of the disk that files take.
    pub(crate) fn used(&self) -> u64 {
        lock(&self.state).used()
    }

    pub(crate) fn is_full(&self) -> bool {
        lock(&self.state).capacity.is_some()
    }

    /// Every file with its length.
    pub(crate) fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = lock(&self.state);
        let len = |inode| state.inodes[&inode].bytes().len() as u64;
        state.names.live().map(|(path, inode)| (path.clone(), len(inode))).collect()
    }

    /// The contents of a file.
    pub(crate) fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = lock(&self.state);
        state.names.get(path).map(|inode| state.inodes[&inode].bytes().to_vec())
    }

    /// A stranger writes a file, in place if it exists, and syncs it; false if the disk is full.
    pub(crate) fn put(&self, path: &Path, bytes: Vec<u8>) -> bool {
        let mut state = lock(&self.state);
        if state.check_space(2 * BLOCK + bytes.len() as u64).is_err() {
            return false;
        }
        state.operations += 1;
        let now = state.now();
        let inode = match state.names.get(path) {
            Some(inode) => inode,
            None => state.create(path),
        };
        if let Some(inode) = state.inodes.get_mut(&inode) {
            inode.replace(bytes);
            inode.modified = now;
        }
        if let Some(dir) = path.parent() {
            state.names.sync(|change| change.is_in(dir));
        }
        true
    }

    /// The disk flips bits: nothing in the file's facts tells of it.
    pub(crate) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = lock(&self.state);
        let Some(inode) = state.names.get(path) else { return };
        if let Some(inode) = state.inodes.get_mut(&inode) {
            let mut bytes = inode.bytes().to_vec();
            change(&mut bytes);
            inode.replace(bytes);
        }
    }

    /// A stranger deletes a file, and syncs the directory.
    pub(crate) fn delete(&self, path: &Path) {
        let mut state = lock(&self.state);
        state.operations += 1;
        state.remove(path);
        if let Some(dir) = path.parent() {
            state.names.sync(|change| change.is_in(dir));
        }
    }

    /// Whether a file anywhere holds these bytes, under whatever name.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        let state = lock(&self.state);
        let mut inodes = state.names.live().map(|(_, inode)| state.inodes[&inode].bytes());
        inodes.any(|held| held.windows(bytes.len().max(1)).any(|part| part == bytes))
    }

    /// Operations so far: two runs of one seed have as many.
    pub(crate) fn operations(&self) -> u64 {
        lock(&self.state).operations
    }
}
