//! The log: every change is appended here before it counts, and the index is brought up to date from
//! memory later. Two files take turns; the one that the index has caught up with is overwritten, which
//! makes a synced append cheaper than one that grows a file.

pub(crate) mod commit;
pub(crate) mod frame;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::io::{Io, IoFile, Open, read_exact_at, write_all_at};
use crate::legacy;
use frame::Op;

const MAGIC: [u8; 8] = *b"CHIALOG2";

/// Magic, epoch and their sum.
const HEADER: u64 = 24;

/// The longest log that is read back.
const MAX_LOG: u64 = 1 << 30;

/// The log being appended to.
#[derive(Debug)]
pub(crate) struct Log {
    files: [Arc<dyn IoFile>; 2],
    epoch: u64,
    offset: u64,
    sum: u64,
    /// Bytes ever appended by this process: a position that rotation does not reset.
    position: u64,
}

/// The path of one of the two files.
pub(crate) fn path(dir: &Path, slot: u64) -> PathBuf {
    dir.join(if slot == 0 { "log.0" } else { "log.1" })
}

impl Log {
    /// Opens both files, creating what is missing, to append from `epoch` on.
    pub(crate) fn open(io: &dyn Io, dir: &Path, epoch: u64) -> io::Result<Self> {
        let files = [io.open(&path(dir, 0), Open::Create)?, io.open(&path(dir, 1), Open::Create)?];
        Ok(Self { files, epoch, offset: 0, sum: epoch_seed(MAGIC, epoch), position: 0 })
    }

    /// Appends a record. On failure nothing counts: the next append overwrites it.
    pub(crate) fn append(&mut self, ops: &[Op], value: &[u8]) -> io::Result<()> {
        let (frame, sum) = frame::encode(ops, value, self.sum);
        if self.offset == 0 {
            let mut start = header(MAGIC, self.epoch);
            start.extend_from_slice(&frame);
            write_all_at(&**self.file(), 0, &start)?;
            self.advance(start.len(), sum);
        } else {
            write_all_at(&**self.file(), self.offset, &frame)?;
            self.advance(frame.len(), sum);
        }
        Ok(())
    }

    fn advance(&mut self, by: usize, sum: u64) {
        self.offset += by as u64;
        self.position += by as u64;
        self.sum = sum;
    }

    /// Goes on in the other file, which must no longer be needed.
    pub(crate) fn rotate(&mut self) {
        self.epoch += 1;
        self.offset = 0;
        self.sum = epoch_seed(MAGIC, self.epoch);
    }

    pub(crate) fn file(&self) -> &Arc<dyn IoFile> {
        &self.files[(self.epoch % 2) as usize]
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where in the current file the next record goes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

fn epoch_seed(magic: [u8; 8], epoch: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(epoch, &magic)
}

fn header(magic: [u8; 8], epoch: u64) -> Vec<u8> {
    let mut header = magic.to_vec();
    header.extend_from_slice(&epoch.to_le_bytes());
    header.extend_from_slice(&epoch_seed(magic, epoch).to_le_bytes());
    header
}

/// A log left by an earlier owner.
#[derive(Debug)]
pub(crate) struct OldLog {
    pub(crate) epoch: u64,
    /// Written in format 1.
    legacy: bool,
    contents: Vec<u8>,
}

impl OldLog {
    /// Reads a log if it is newer than `after`; `None` if it is not, or is no log.
    pub(crate) fn read(io: &dyn Io, path: &Path, after: Option<u64>) -> io::Result<Option<Self>> {
        let file = match io.open(path, Open::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let len = file.len()?;
        if len < HEADER {
            return Ok(None);
        }
        let mut head = [0; HEADER as usize];
        read_exact_at(&*file, 0, &mut head)?;
        let epoch = u64::from_le_bytes(head[8..16].try_into().expect("eight bytes"));
        let legacy = head[..] == header(legacy::LOG_MAGIC, epoch)[..];
        let known = legacy || head[..] == header(MAGIC, epoch)[..];
        if !known || after.is_some_and(|after| epoch <= after) {
            return Ok(None);
        }
        let mut contents = vec![0; len.min(MAX_LOG) as usize];
        read_exact_at(&*file, 0, &mut contents)?;
        Ok(Some(Self { epoch, legacy, contents }))
    }

    /// Calls `each` with every record and where it begins, up to the first that is not whole.
    pub(crate) fn replay<E>(
        &self,
        mut each: impl FnMut(u64, frame::Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sum = epoch_seed(if self.legacy { legacy::LOG_MAGIC } else { MAGIC }, self.epoch);
        let mut at = HEADER as usize;
        while let Some(record) = frame::decode(&self.contents[at..], sum, self.legacy) {
            let (begin, len) = (at as u64, record.len);
            sum = record.sum;
            each(begin, record)?;
            at += len;
        }
        Ok(())
    }
}
