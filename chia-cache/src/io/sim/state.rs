//! Everything that the processes share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::Metadata;
use super::clock;
use super::fault::{FailAt, Loss, Need};
use super::inode::Inode;
use super::names::Names;

/// What a file takes of the disk is a multiple of this, in bytes.
pub(super) const BLOCK: u64 = 4096;

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) names: Names,
    /// When each directory was last changed, in milliseconds since 1970.
    pub(super) dirs: HashMap<PathBuf, u64>,
    next_inode: u64,
    /// Counts everything that happens; also the clock.
    pub(super) operations: u64,
    pub(super) fail_at: Option<FailAt>,
    /// The size of the disk in bytes, where it has one.
    pub(super) capacity: Option<u64>,
    pub(super) last_process: u64,
    pub(super) first_alive: u64,
    /// Who holds the lock of an inode: a handle.
    pub(super) locks: BTreeMap<u64, u64>,
    pub(super) next_handle: u64,
}

impl State {
    pub(super) fn step(&mut self, need: Need) -> io::Result<()> {
        let now = self.operations;
        self.operations += 1;
        match &mut self.fail_at {
            Some(fail_at) => fail_at.check(now, need),
            None => Ok(()),
        }
    }

    /// Whether the operation under way is a write to be cut in half.
    pub(super) fn is_short(&self) -> bool {
        self.fail_at.is_some_and(|fail_at| fail_at.is_short(self.operations - 1))
    }

    pub(super) fn metadata(&self, number: u64) -> io::Result<Metadata> {
        let inode = self.inodes.get(&number).ok_or(io::ErrorKind::NotFound)?;
        let (len, modified) = (inode.bytes().len() as u64, clock::time(inode.modified));
        let links = self.names.live().filter(|(_, inode)| *inode == number).count() as u64;
        Ok(Metadata { len, modified, inode: number, links })
    }

    pub(super) fn create(&mut self, path: &Path) -> u64 {
        let inode = self.next_inode;
        self.next_inode += 1;
        let now = self.now();
        self.inodes.entry(inode).or_default().modified = now;
        self.names.change(None, Some((path, inode)));
        self.touch_parent(path);
        inode
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, inode: u64) {
        self.names.change(Some(from), Some((to, inode)));
        self.touch_parent(from);
        self.touch_parent(to);
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.names.change(Some(path), None);
        self.touch_parent(path);
        self.collect(true);
    }

    fn touch_parent(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.dirs.insert(parent.to_owned(), self.now());
        }
    }

    /// The time of a change, in milliseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        clock::at(self.operations)
    }

    /// Fails if `more` bytes do not fit on the disk.
    pub(super) fn check_space(&self, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if more > 0 && self.used() + more > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    /// Bytes of the disk that files take, those included that have lost their name but are still open.
    pub(super) fn used(&self) -> u64 {
        let named: BTreeSet<u64> = self.names.live().map(|(_, inode)| inode).collect();
        let used =
            |(number, inode): (&u64, &Inode)| match inode.handles > 0 || named.contains(number) {
                true => BLOCK + (inode.bytes().len() as u64).next_multiple_of(BLOCK),
                false => 0,
            };
        self.inodes.iter().map(used).sum()
    }

    /// Forgets files that nothing can reach any more. With `lazy` only if there are many.
    pub(super) fn collect(&mut self, lazy: bool) {
        if lazy && self.inodes.len() < 64 + 2 * self.names.live().count() {
            return;
        }
        let reachable: BTreeSet<u64> = self.names.reachable().collect();
        self.inodes.retain(|number, inode| inode.handles > 0 || reachable.contains(number));
    }

    pub(super) fn lose_power(&mut self, loss: Loss) {
        if loss == Loss::Process {
            return;
        }
        let seed = if let Loss::Random(seed) = loss { seed } else { 0 };
        let mut coin = fastrand::Rng::with_seed(seed);
        self.names.lose_power(loss, &mut coin);
        for inode in self.inodes.values_mut() {
            inode.lose_power(loss, &mut coin);
            inode.handles = 0;
        }
        self.collect(false);
    }
}
