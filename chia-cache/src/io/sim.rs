//! A file system in memory that fails on command and forgets what was not synced, for tests.
//!
//! Every file has live bytes and durable bytes; every directory likewise has live and durable names.
//! A power loss keeps what is durable, and of the rest what [`Loss`] says. It is stricter than ext4: a
//! new file's name is gone unless its directory was synced, however often the file was.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Io, IoFile, Metadata, Open};
use crate::sync::lock;

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
    /// The process died, the system lives: nothing is lost.
    Process,
    /// All of it goes.
    Everything,
    /// Names stay, contents go: files are there but empty or old.
    Contents,
    /// Each write and each change of a name stays or goes by the toss of a coin.
    Random(u64),
}

/// A change of a directory that was not synced.
#[derive(Clone, Debug)]
struct NameChange {
    path: PathBuf,
    inode: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, and changes of length (no data).
    pending: Vec<(u64, Option<Vec<u8>>)>,
    modified: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: HashMap<u64, Inode>,
    live: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    pending: Vec<NameChange>,
    dirs: HashMap<PathBuf, u64>,
    next_inode: u64,
    /// Counts everything that happens; also the clock.
    operations: u64,
    fail_at: Option<(u64, Fault)>,
    failed: bool,
    /// Bytes that all files together may have.
    capacity: Option<u64>,
}

/// The file system. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sim(Arc<Mutex<State>>);

/// What an operation needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Space,
}

impl Sim {
    /// Makes the `n`-th operation from now (from 0) fail.
    pub(crate) fn fail_at(&self, n: u64, fault: Fault) {
        let mut state = lock(&self.0);
        state.fail_at = Some((state.operations + n, fault));
        state.failed = false;
    }

    /// Ends all failing; says whether an operation failed since [`fail_at`](Self::fail_at).
    pub(crate) fn heal(&self) -> bool {
        let mut state = lock(&self.0);
        state.fail_at = None;
        std::mem::take(&mut state.failed)
    }

    /// What is left after the power went, as a new file system.
    pub(crate) fn after(&self, loss: Loss) -> Self {
        let old = lock(&self.0);
        let mut state = State {
            dirs: old.dirs.clone(),
            next_inode: old.next_inode,
            operations: old.operations,
            ..State::default()
        };
        let mut coin = match loss {
            Loss::Random(seed) => fastrand::Rng::with_seed(seed),
            _ => fastrand::Rng::with_seed(0),
        };
        let mut names = if loss == Loss::Process { old.live.clone() } else { old.durable.clone() };
        for change in &old.pending {
            let stays = loss == Loss::Contents || matches!(loss, Loss::Random(_)) && coin.bool();
            match (stays, change.inode) {
                (true, Some(inode)) => drop(names.insert(change.path.clone(), inode)),
                (true, None) => drop(names.remove(&change.path)),
                (false, _) => {}
            }
        }
        for (path, inode) in names {
            let contents = match loss {
                Loss::Process => old.inodes[&inode].live.clone(),
                Loss::Everything | Loss::Contents => old.inodes[&inode].durable.clone(),
                Loss::Random(_) => old.inodes[&inode].survivors(&mut coin),
            };
            let modified = old.inodes[&inode].modified;
            let kept =
                Inode { live: contents.clone(), durable: contents, pending: Vec::new(), modified };
            state.inodes.insert(inode, kept);
            state.live.insert(path.clone(), inode);
            state.durable.insert(path, inode);
        }
        Self(Arc::new(Mutex::new(state)))
    }

    /// Limits the bytes of all files; a write beyond the limit finds the disk full.
    pub(crate) fn limit(&self, capacity: Option<u64>) {
        lock(&self.0).capacity = capacity;
    }

    /// Bytes of all files.
    pub(crate) fn used(&self) -> u64 {
        let state = lock(&self.0);
        state.live.values().map(|inode| state.inodes[inode].live.len() as u64).sum()
    }

    fn step(&self, need: Need) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = lock(&self.0);
        let now = state.operations;
        state.operations += 1;
        let Some((at, fault)) = state.fail_at else { return Ok(state) };
        let hit = match fault {
            Fault::Eio | Fault::ShortWrite => now == at,
            Fault::Enospc => now >= at && need == Need::Space,
            Fault::Crash => now >= at,
        };
        if !hit {
            return Ok(state);
        }
        state.failed = true;
        match fault {
            // The caller does the half; where there is none, it is a plain failure.
            Fault::ShortWrite if need == Need::Space => Ok(state),
            Fault::Enospc => Err(ErrorKind::StorageFull.into()),
            _ => Err(io::Error::other("injected")),
        }
    }
}

impl State {
    fn touch_parent(&mut self, path: &Path) {
        let now = self.operations;
        if let Some(parent) = path.parent() {
            self.dirs.insert(parent.to_owned(), now);
        }
    }

    fn set_name(&mut self, path: &Path, inode: Option<u64>) {
        match inode {
            Some(inode) => drop(self.live.insert(path.to_owned(), inode)),
            None => drop(self.live.remove(path)),
        }
        self.pending.push(NameChange { path: path.to_owned(), inode });
        self.touch_parent(path);
    }

    fn sync_names(&mut self, which: impl Fn(&NameChange) -> bool) {
        let (synced, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(which);
        self.pending = pending;
        for change in synced {
            match change.inode {
                Some(inode) => drop(self.durable.insert(change.path, inode)),
                None => drop(self.durable.remove(&change.path)),
            }
        }
    }

    fn metadata(&self, inode: u64) -> Metadata {
        let found = &self.inodes[&inode];
        let links = self.live.values().filter(|one| **one == inode).count() as u64;
        let modified = UNIX_EPOCH + Duration::from_millis(1 + found.modified);
        Metadata { len: found.live.len() as u64, modified, inode, links }
    }

    fn check_room(&self, inode: u64, end: u64) -> io::Result<()> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let len = |inode: &u64| self.inodes.get(inode).map_or(0, |inode| inode.live.len() as u64);
        let used: u64 = self.live.values().map(len).sum();
        match used + end.saturating_sub(len(&inode)) > capacity && end > len(&inode) {
            true => Err(ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn is_short(&self) -> bool {
        self.failed
            && matches!(self.fail_at, Some((at, Fault::ShortWrite)) if self.operations == at + 1)
    }
}

impl Inode {
    fn write(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
        let end = offset as usize + data.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(data);
    }

    fn sync(&mut self) {
        for (offset, data) in std::mem::take(&mut self.pending) {
            match data {
                Some(data) => Self::write(&mut self.durable, offset, &data),
                None => self.durable.resize(offset as usize, 0),
            }
        }
    }

    /// The durable bytes with some of the pending writes, in order, each whole or half.
    fn survivors(&self, coin: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (offset, data) in &self.pending {
            match (data, coin.u8(0..3)) {
                (_, 0) => {}
                (Some(data), 1) => Self::write(&mut bytes, *offset, &data[..data.len() / 2]),
                (Some(data), _) => Self::write(&mut bytes, *offset, data),
                (None, _) => bytes.resize(*offset as usize, 0),
            }
        }
        bytes
    }
}

#[derive(Debug)]
struct SimFile {
    sim: Sim,
    inode: u64,
}

impl Io for Sim {
    fn rooted(&self, dir: &Path) -> io::Result<Arc<dyn Io>> {
        self.create_dir(dir)?;
        Ok(Arc::new(self.clone()))
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn IoFile>> {
        let need =
            if matches!(how, Open::New | Open::Create) { Need::Space } else { Need::Nothing };
        let mut state = self.step(need)?;
        let inode = match (state.live.get(path), how) {
            (Some(_), Open::New) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(inode), _) => *inode,
            (None, Open::Read | Open::Edit) => return Err(ErrorKind::NotFound.into()),
            (None, Open::New | Open::Create) => {
                let inode = state.next_inode;
                state.next_inode += 1;
                state.inodes.insert(inode, Inode::default());
                state.set_name(path, Some(inode));
                inode
            }
        };
        Ok(Arc::new(SimFile { sim: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Space)?;
        let inode = *state.live.get(from).ok_or(ErrorKind::NotFound)?;
        state.set_name(to, Some(inode));
        state.set_name(from, None);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Nothing)?;
        if !state.live.contains_key(path) {
            return Err(ErrorKind::NotFound.into());
        }
        state.set_name(path, None);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Space)?;
        let now = state.operations;
        state.dirs.entry(path.to_owned()).or_insert(now);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Need::Nothing)?.sync_names(|change| change.path.parent() == Some(path));
        Ok(())
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Nothing)?;
        state.sync_names(|_| true);
        state.inodes.values_mut().for_each(Inode::sync);
        Ok(())
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        let names: Vec<PathBuf> = {
            let state = self.step(Need::Nothing)?;
            state.live.keys().filter(|name| name.parent() == Some(path)).cloned().collect()
        };
        names.iter().filter_map(|name| name.file_name()?.to_str()).for_each(each);
        Ok(())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.step(Need::Nothing)?;
        let time = |at| -> SystemTime { UNIX_EPOCH + Duration::from_millis(1 + at) };
        if let Some(at) = state.dirs.get(path) {
            return Ok(Metadata { len: 0, modified: time(*at), inode: u64::MAX, links: 1 });
        }
        let inode = state.live.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(state.metadata(*inode))
    }
}

impl IoFile for SimFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.sim.step(Need::Nothing)?;
        let bytes = state.inodes[&self.inode].live.get(offset as usize..).unwrap_or_default();
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let mut state = self.sim.step(Need::Space)?;
        let short = state.is_short();
        let data = if short { &data[..data.len() / 2] } else { data };
        state.check_room(self.inode, offset + data.len() as u64)?;
        let now = state.operations;
        let inode = state.inodes.entry(self.inode).or_default();
        Inode::write(&mut inode.live, offset, data);
        inode.pending.push((offset, Some(data.to_vec())));
        inode.modified = now;
        match short {
            true => Err(io::Error::other("injected, after half of the write")),
            false => Ok(data.len()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let step = self.sim.step(Need::Nothing).map(drop);
        let mut state = lock(&self.sim.0);
        let crashed = matches!(state.fail_at, Some((_, Fault::Crash))) && step.is_err();
        let inode = state.inodes.entry(self.inode).or_default();
        match step {
            Ok(()) => {
                inode.sync();
                Ok(())
            }
            Err(e) if crashed => Err(e),
            Err(e) => {
                // As the kernel does: what was dirty counts as clean now and is never written, so
                // the next sync succeeds and proves nothing.
                inode.pending.clear();
                Err(e)
            }
        }
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(self.sim.step(Need::Nothing)?.metadata(self.inode))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.sim.step(Need::Space)?;
        state.check_room(self.inode, len)?;
        let inode = state.inodes.entry(self.inode).or_default();
        if (inode.live.len() as u64) < len {
            inode.live.resize(len as usize, 0);
            inode.pending.push((len, None));
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.sim.step(Need::Space)?;
        state.check_room(self.inode, len)?;
        let inode = state.inodes.entry(self.inode).or_default();
        inode.live.resize(len as usize, 0);
        inode.pending.push((len, None));
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.sim.step(Need::Nothing).map(|_| true)
    }
}
