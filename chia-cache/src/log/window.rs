//! A file read forward, a part at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::io::{IoFile, read_exact_at};

/// How much is read at once, at least, in bytes.
const STEP: usize = 256 * 1024;

/// The part of a file that is in memory.
#[derive(Debug)]
pub(super) struct Window {
    file: Arc<dyn IoFile>,
    path: PathBuf,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn new(file: Arc<dyn IoFile>, path: &Path, len: u64) -> Self {
        Self { file, path: path.to_owned(), len, start: 0, bytes: Vec::new() }
    }

    /// The `len` bytes at `offset`; `None` beyond the end of the file.
    pub(super) fn get(&mut self, offset: u64, len: usize) -> Result<Option<&[u8]>> {
        let Some(left) = self.len.checked_sub(offset).filter(|left| *left >= len as u64) else {
            return Ok(None);
        };
        let inside =
            offset >= self.start && offset + len as u64 <= self.start + self.bytes.len() as u64;
        if !inside {
            self.bytes.resize(len.max(STEP).min(left.min(usize::MAX as u64) as usize), 0);
            self.start = offset;
            if let Err(e) = read_exact_at(&*self.file, offset, &mut self.bytes) {
                self.bytes.clear();
                return Err(Error::io("read", &self.path, e));
            }
        }
        let at = (offset - self.start) as usize;
        Ok(self.bytes.get(at..at + len))
    }
}
