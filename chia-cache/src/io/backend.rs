//! redb's storage on top of [`IoFile`].

use std::io;
use std::sync::Arc;

use redb::StorageBackend;

use super::{IoFile, read_exact_at, write_all_at};

/// The index file as redb sees it. The directory's own lock keeps other processes out.
#[derive(Debug)]
pub(crate) struct IndexBackend(pub(crate) Arc<dyn IoFile>);

impl StorageBackend for IndexBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(&*self.0, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        write_all_at(&*self.0, offset, data)
    }
}
