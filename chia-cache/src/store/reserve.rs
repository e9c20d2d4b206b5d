//! Space that is held back so that a full disk can be put right: room is made, and stores close, with it.

use std::io;
use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::io::Open;
use crate::store::inner::Inner;

/// The least and the most that is held back, in bytes.
const BOUNDS: (u64, u64) = (256 * 1024, 24 * 1024 * 1024);

impl Inner {
    /// Takes the reserve, unless it is there. Where that fails it is tried again before the next new value.
    pub(crate) fn fill_reserve(&self) -> Result<()> {
        let len = (self.budget() / 8).clamp(BOUNDS.0, BOUNDS.1);
        let path = &self.paths.reserve;
        let filled = match self.io.metadata(path) {
            Ok(found) if found.len >= len => Ok(()),
            _ => self.allocate_reserve(len),
        };
        self.reserve_used.store(filled.is_err(), Ordering::Release);
        filled.map_err(|e| Error::io("hold back space in", path, e))
    }

    /// It is durable, since it must be there when a store is opened after a power loss.
    fn allocate_reserve(&self, len: u64) -> io::Result<()> {
        let file = self.io.open(&self.paths.reserve, Open::Create)?;
        file.allocate(len)?;
        file.sync()?;
        self.io.sync_dir(&self.paths.private)
    }

    /// Gives the reserve to the disk if `error` says that it is full; false if that does not help.
    pub(crate) fn use_reserve(&self, error: &Error) -> bool {
        let full = matches!(error.kind(), ErrorKind::Full);
        if !full || self.io.remove(&self.paths.reserve).is_err() {
            return false;
        }
        tracing::warn!("the disk is full; the space held back for that is used");
        self.reserve_used.store(true, Ordering::Release);
        true
    }

    /// Refuses new values while the reserve is used up: what is left is for making room.
    pub(crate) fn check_reserve(&self) -> Result<()> {
        if !self.reserve_used.load(Ordering::Acquire) {
            return Ok(());
        }
        self.fill_reserve()
    }
}
