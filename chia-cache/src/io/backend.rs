//! redb's storage on top of [`IoFile`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use super::{IoFile, read_exact_at, write_all_at};

/// The index file as redb sees it. The directory's own lock keeps other processes out.
///
/// redb writes when it is closed. A process that is no longer the owner, or was forked from it, must not.
#[derive(Debug)]
pub(crate) struct IndexBackend {
    file: Arc<dyn IoFile>,
    revoked: Arc<AtomicBool>,
    process: u32,
}

impl IndexBackend {
    /// Refuses to write once `revoked`.
    pub(crate) fn new(file: Arc<dyn IoFile>, revoked: Arc<AtomicBool>) -> Self {
        Self { file, revoked, process: std::process::id() }
    }

    fn writable(&self) -> io::Result<&dyn IoFile> {
        match self.revoked.load(Ordering::Acquire) || self.process != std::process::id() {
            true => Err(io::Error::other("this process no longer owns the index")),
            false => Ok(&*self.file),
        }
    }
}

impl StorageBackend for IndexBackend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(&*self.file, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.writable()?.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.writable()?.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_all_at(self.writable()?, offset, data)
    }
}
