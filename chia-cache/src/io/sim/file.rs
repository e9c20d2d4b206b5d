//! An open file.

use std::io;

use super::fault::{Fault, Need};
use super::state::{BLOCK, State};
use super::{IoFile, Metadata, Sim};
use crate::sync::lock;

#[derive(Debug)]
pub(super) struct SimFile {
    sim: Sim,
    inode: u64,
    handle: u64,
}

impl SimFile {
    pub(super) fn new(sim: Sim, state: &mut State, inode: u64) -> Self {
        state.next_handle += 1;
        state.inodes.entry(inode).or_default().handles += 1;
        Self { sim, inode, handle: state.next_handle }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = lock(&self.sim.state);
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            inode.handles = inode.handles.saturating_sub(1);
        }
        if state.locks.get(&self.inode) == Some(&self.handle) {
            state.locks.remove(&self.inode);
        }
    }
}

impl State {
    /// Fails if the file cannot grow to `len` bytes.
    fn check_growth(&self, inode: u64, len: u64) -> io::Result<()> {
        let now = self.inodes.get(&inode).map_or(0, |inode| inode.bytes().len() as u64);
        self.check_space(len.next_multiple_of(BLOCK).saturating_sub(now.next_multiple_of(BLOCK)))
    }
}

impl IoFile for SimFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.sim.step(Need::Nothing)?;
        let inode = state.inodes.get(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        let bytes = inode.bytes().get(offset as usize..).unwrap_or_default();
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let mut state = self.sim.step(Need::Bytes)?;
        state.check_growth(self.inode, offset + data.len() as u64)?;
        let short = state.is_short();
        let data = if short { &data[..data.len() / 2] } else { data };
        let now = state.now();
        let inode = state.inodes.entry(self.inode).or_default();
        inode.write(offset as usize, data);
        inode.modified = now;
        match short {
            true => Err(io::Error::other("injected, after half of the write")),
            false => Ok(data.len()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let step = self.sim.step(Need::Nothing).map(drop);
        let mut state = lock(&self.sim.state);
        let crashed = state.fail_at.is_some_and(|fail_at| fail_at.fault == Fault::Crash);
        let dead = self.sim.process < state.first_alive;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            match &step {
                Ok(()) => inode.sync(),
                Err(_) if crashed || dead => {}
                Err(_) => inode.forget_dirty(),
            }
        }
        step
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.sim.step(Need::Nothing)?.metadata(self.inode)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.sim.step(Need::Bytes)?;
        state.check_growth(self.inode, len)?;
        let inode = state.inodes.entry(self.inode).or_default();
        if (inode.bytes().len() as u64) < len {
            inode.set_len(len as usize);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.sim.step(Need::Bytes)?;
        state.check_growth(self.inode, len)?;
        let now = state.now();
        let inode = state.inodes.entry(self.inode).or_default();
        inode.set_len(len as usize);
        inode.modified = now;
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut state = self.sim.step(Need::Nothing)?;
        let holder = *state.locks.entry(self.inode).or_insert(self.handle);
        Ok(holder == self.handle)
    }
}
