//! Segments left by an earlier owner, and how they are read back: a part at a time, however long they are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::frame::{self, Record};
use super::legacy;
use super::window::Window;
use crate::error::{Error, Result};
use crate::io::{Io, IoFile, Open, read_exact_at};

const MAGIC: [u8; 8] = *b"CHIALOG2";

/// Magic, epoch, store, nonce and their sum.
const HEADER: usize = 40;

/// The header is there twice, so that damage to one does not cost the segment.
const COPY: usize = 64;

/// Where the first frame begins.
pub(super) const FIRST_FRAME: u64 = 128;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) epoch: u64,
    /// The store that it belongs to.
    pub(crate) store: u64,
    pub(crate) nonce: u64,
}

impl Header {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        for number in [self.epoch, self.store, self.nonce] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        let sum = XxHash3_64::oneshot(&header);
        header.extend_from_slice(&sum.to_le_bytes());
        let mut bytes = header.clone();
        bytes.resize(COPY, 0);
        bytes.extend_from_slice(&header);
        bytes.resize(FIRST_FRAME as usize, 0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let number = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(header.get(at..at + 8)?.try_into().ok()?))
        };
        let sound = header[..8] == MAGIC && number(32)? == XxHash3_64::oneshot(&header[..32]);
        sound.then_some(Self { epoch: number(8)?, store: number(16)?, nonce: number(24)? })
    }
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Something that is no record stands before a record: damage, or a power loss that kept a later write
    /// and dropped an earlier one.
    pub(crate) gap: bool,
}

/// What a log file turned out to be.
#[derive(Debug)]
pub(crate) enum Found {
    /// Missing or never used.
    Nothing,
    /// It was used, and cannot be read.
    Damaged,
    Segment(Segment),
}

/// A segment that can be read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) epoch: u64,
    /// `None` in format 1.
    header: Option<Header>,
    file: Arc<dyn IoFile>,
    path: PathBuf,
    len: u64,
}

impl Segment {
    pub(crate) fn find(io: &dyn Io, path: &Path) -> io::Result<Found> {
        let file = match io.open(path, Open::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(e) => return Err(e),
        };
        let len = file.len()?;
        let mut start = vec![0; len.min(FIRST_FRAME) as usize];
        read_exact_at(&*file, 0, &mut start)?;
        if start.iter().all(|byte| *byte == 0) {
            return Ok(Found::Nothing);
        }
        let header = Header::decode(&start)
            .or_else(|| Header::decode(start.get(COPY..).unwrap_or_default()));
        let epoch = header.map(|header| header.epoch).or_else(|| legacy::epoch(&start));
        let path = path.to_owned();
        Ok(match epoch {
            Some(epoch) => Found::Segment(Self { epoch, header, file, path, len }),
            None => Found::Damaged,
        })
    }

    /// Makes what was read durable: it may never have been synced.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync().map_err(|e| Error::io("sync", &self.path, e))
    }

    /// The store that wrote it, if it says so.
    pub(crate) fn store(&self) -> Option<u64> {
        Some(self.header?.store)
    }

    /// Calls `each` with every record and where it begins.
    pub(crate) fn replay(
        &self,
        each: &mut dyn FnMut(u64, Record<'_>) -> Result<()>,
    ) -> Result<Tail> {
        let mut window = Window::new(Arc::clone(&self.file), &self.path, self.len);
        let Some(header) = self.header else {
            legacy::replay(&mut window, self.epoch, each)?;
            return Ok(Tail::default());
        };
        let (mut at, mut skipped, mut gap) = (FIRST_FRAME, false, false);
        while at < self.len {
            let seed = frame::seed(header.nonce, at);
            let body = match window.get(at, frame::HEAD)?.and_then(|bytes| frame::head(bytes, seed))
            {
                Some(head) => {
                    window.get(at + frame::HEAD as u64, head.len)?.map(|body| (head, body))
                }
                None => None,
            };
            let record = body.and_then(|(head, body)| {
                Some((frame::end(at, head.len), frame::decode(head, body, seed)?))
            });
            match record {
                Some((end, record)) => {
                    gap |= skipped;
                    each(at, record)?;
                    at = end;
                }
                None => {
                    skipped = true;
                    at += frame::ALIGN;
                }
            }
        }
        Ok(Tail { gap })
    }
}
