//! A file system in memory for tests: it fails on command, loses what was not synced, and tells one
//! process from the next.
//!
//! A file has live bytes, which a process sees and its death leaves alone, and durable ones, which a
//! power loss leaves; a directory has live and durable names likewise. A power loss keeps what is durable,
//! and of the rest what [`Loss`] says. It is stricter than ext4: a new file's name is gone unless its
//! directory was synced, however often the file was.

mod clock;
mod fault;
mod file;
mod inode;
mod names;
mod outside;
mod park;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Io, IoFile, Metadata, Open};
use crate::sync::lock;
pub(crate) use clock::{Clock, now, peek as clock_now, random};
use fault::Need;
pub(crate) use fault::{Fault, Loss};
use file::SimFile;
pub(crate) use park::Parking;
use state::State;

/// The file system as one process sees it. Clones share both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sim {
    state: Arc<Mutex<State>>,
    /// All handles of a process that died fail.
    process: u64,
}

impl Sim {
    /// The same file system for a new process.
    pub(crate) fn new_process(&self) -> Self {
        let mut state = lock(&self.state);
        state.last_process += 1;
        Self { state: Arc::clone(&self.state), process: state.last_process }
    }

    /// Ends every process. Whatever was written stays, synced or not.
    pub(crate) fn kill_all(&self) {
        let mut state = lock(&self.state);
        state.first_alive = state.last_process + 1;
        state.last_process += 1;
        state.locks.clear();
        state.fail_at = None;
        state.collect(false);
    }

    /// Ends every process and takes the power away.
    pub(crate) fn lose_power(&self, loss: Loss) {
        self.kill_all();
        lock(&self.state).lose_power(loss);
    }

    /// What is left after a loss, as a new file system; this one goes on.
    pub(crate) fn after(&self, loss: Loss) -> Self {
        let state = lock(&self.state).clone();
        let after = Self { state: Arc::new(Mutex::new(state)), process: 0 };
        after.lose_power(loss);
        after.new_process()
    }

    /// Counts a step of this process, which may be the one that fails.
    fn step(&self, need: Need) -> io::Result<MutexGuard<'_, State>> {
        park::stop_here();
        let mut state = lock(&self.state);
        if self.process < state.first_alive {
            return Err(io::Error::other("the process is dead"));
        }
        state.step(need)?;
        Ok(state)
    }
}

impl Io for Sim {
    fn rooted(&self, dir: &Path) -> io::Result<Arc<dyn Io>> {
        self.create_dir(dir)?;
        Ok(Arc::new(self.clone()))
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn IoFile>> {
        let creates = matches!(how, Open::New | Open::Create);
        let mut state = self.step(if creates { Need::Name } else { Need::Nothing })?;
        let inode = match (state.names.get(path), how) {
            (Some(_), Open::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), _) => inode,
            (None, Open::Read | Open::Edit) => return Err(io::ErrorKind::NotFound.into()),
            (None, Open::New | Open::Create) => {
                state.check_space(state::BLOCK)?;
                state.create(path)
            }
        };
        Ok(Arc::new(SimFile::new(self.clone(), &mut state, inode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Name)?;
        let inode = state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.rename(from, to, inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Nothing)?;
        state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        state.remove(path);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Name)?;
        let now = state.now();
        state.dirs.entry(path.to_owned()).or_insert(now);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Need::Nothing)?.names.sync(|change| change.is_in(path));
        Ok(())
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        let mut state = self.step(Need::Nothing)?;
        state.names.sync(|_| true);
        state.inodes.values_mut().for_each(inode::Inode::sync);
        Ok(())
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        let names: Vec<PathBuf> = self.step(Need::Nothing)?.names.list(path);
        names.iter().filter_map(|name| name.file_name()?.to_str()).for_each(each);
        Ok(())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.step(Need::Nothing)?;
        if let Some(at) = state.dirs.get(path) {
            let modified = clock::time(*at);
            return Ok(Metadata { len: 0, modified, inode: u64::MAX, links: 1 });
        }
        state.names.get(path).map(|inode| state.metadata(inode)).ok_or(io::ErrorKind::NotFound)?
    }
}
