//! The log: every change is appended here before it counts, and the index is brought up to date from
//! memory later. Two segments take turns; the one that the index has caught up with is overwritten, which
//! makes a synced append cheaper than one that grows a file.

pub(crate) mod commit;
pub(crate) mod frame;
mod legacy;
pub(crate) mod segment;
mod window;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::{Io, IoFile, Open, write_all_at};
use frame::Op;
use segment::{FIRST_FRAME, Header};

/// A file that is taken into use is cut to this many bytes: an older version let logs grow.
const MAX_IDLE: u64 = 16 * 1024 * 1024;

/// The log being appended to.
#[derive(Debug)]
pub(crate) struct Log {
    files: [Arc<dyn IoFile>; 2],
    store: u64,
    epoch: u64,
    nonce: u64,
    offset: u64,
    /// Bytes ever appended by this process: a position that rotation does not reset.
    position: u64,
}

/// The path of one of the two files.
pub(crate) fn path(dir: &Path, slot: u64) -> PathBuf {
    dir.join(if slot == 0 { "log.0" } else { "log.1" })
}

impl Log {
    /// Opens both files, creating what is missing, to append from `epoch` on.
    pub(crate) fn open(io: &dyn Io, dir: &Path, store: u64, epoch: u64) -> io::Result<Self> {
        let files = [io.open(&path(dir, 0), Open::Create)?, io.open(&path(dir, 1), Open::Create)?];
        Ok(Self { files, store, epoch, nonce: random(), offset: 0, position: 0 })
    }

    /// Appends a record. On failure nothing counts: the next append overwrites it.
    pub(crate) fn append(&mut self, ops: &[Op], value: &[u8]) -> io::Result<()> {
        let start = self.offset.max(FIRST_FRAME);
        let frame = frame::encode(ops, value, frame::seed(self.nonce, start)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the record is too long for the log")
        })?;
        let found = self.file().metadata()?;
        if found.links == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the log was removed"));
        }
        if self.offset == 0 {
            if found.len > MAX_IDLE {
                self.file().set_len(MAX_IDLE)?;
            }
            let header = Header { epoch: self.epoch, store: self.store, nonce: self.nonce };
            let mut bytes = header.encode();
            bytes.extend_from_slice(&frame);
            write_all_at(&**self.file(), 0, &bytes)?;
        } else {
            write_all_at(&**self.file(), self.offset, &frame)?;
        }
        let end = start + frame.len() as u64;
        self.position += end - self.offset;
        self.offset = end;
        Ok(())
    }

    /// Goes on in the other file, which must no longer be needed. A file without a record is taken again:
    /// of the two files the one with the older records is always the next to be overwritten, so that the
    /// log never shows older values than those it has lost.
    pub(crate) fn rotate(&mut self) {
        self.epoch += if self.offset == 0 { 2 } else { 1 };
        self.nonce = random();
        self.offset = 0;
    }

    pub(crate) fn file(&self) -> &Arc<dyn IoFile> {
        &self.files[(self.epoch % 2) as usize]
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where in the current file the next record goes; 0 if there is none yet.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

/// A number that no other store and no other segment has.
pub(crate) fn random() -> u64 {
    #[cfg(test)]
    if let Some(random) = crate::io::sim::random() {
        return random;
    }
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(crate::meta::now())
}
