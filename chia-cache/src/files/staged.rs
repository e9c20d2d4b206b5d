//! A value on its way into a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::{CHUNK, Trailer, name};
use crate::Codec;
use crate::io::{Io, IoFile, Open, write_all_at};
use crate::meta::{Checksum, Cut, Meta, Place};
use crate::pickle::{entry_from_bytes, entry_from_pickle};

/// The opcode that ends a pickle.
const STOP: u8 = b'.';

/// What stands around the value in the file.
#[derive(Debug)]
pub(crate) struct Wrap {
    pickle: bool,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// The first bytes of the value, which the head already implies.
    skip: Vec<u8>,
    /// Whether the last byte of the value is kept out of the file: the tail implies it.
    hold_last: bool,
    /// Where in the head the length of the value belongs.
    len_at: Option<u64>,
}

impl Wrap {
    /// Nothing: the file holds the value as it is.
    pub(crate) fn plain() -> Self {
        Self {
            pickle: false,
            head: Vec::new(),
            tail: Vec::new(),
            skip: Vec::new(),
            hold_last: false,
            len_at: None,
        }
    }

    /// A pickle of `(tag, value)`. `first` is the first 12 bytes of the value, or all of it. Python
    /// gets the object if the value is a pickle, and `bytes` if it is not.
    pub(crate) fn pickle(tag: &str, codec: Codec, first: &[u8]) -> io::Result<Self> {
        if codec == Codec::Pickle
            && let Ok(splice) = entry_from_pickle(tag, first, STOP, u64::MAX)
        {
            let skip = first.get(..splice.body().start as usize).unwrap_or_default().to_vec();
            let (head, tail) = (splice.prefix().to_vec(), splice.suffix().to_vec());
            return Ok(Self { pickle: true, head, tail, skip, hold_last: true, len_at: None });
        }
        // The opcode for the longest bytes has a length field of eight bytes, filled in at the end.
        let splice = entry_from_bytes(tag, u64::MAX).map_err(io::Error::other)?;
        let (head, tail) = (splice.prefix().to_vec(), splice.suffix().to_vec());
        let len_at = Some(head.len() as u64 - 8);
        Ok(Self { pickle: true, head, tail, skip: Vec::new(), hold_last: false, len_at })
    }
}

/// A value that is being written under a temporary name.
pub(crate) struct StagedFile {
    io: Arc<dyn Io>,
    path: PathBuf,
    file: Arc<dyn IoFile>,
    wrap: Wrap,
    /// Where the next bytes go in the file.
    at: u64,
    to_skip: usize,
    held: Option<u8>,
    len: u64,
    hasher: XxHash3_128,
    kept: bool,
}

impl StagedFile {
    pub(crate) fn create(io: &Arc<dyn Io>, path: PathBuf, wrap: Wrap) -> io::Result<Self> {
        let file = io.open(&path, Open::New)?;
        let mut staged = Self {
            io: Arc::clone(io),
            path,
            file,
            at: 0,
            to_skip: wrap.skip.len(),
            held: None,
            len: 0,
            hasher: XxHash3_128::new(),
            kept: false,
            wrap,
        };
        let head = std::mem::take(&mut staged.wrap.head);
        staged.put(&head)?;
        staged.wrap.head = head;
        Ok(staged)
    }

    /// Appends to the value, hashing each part while it is in the processor's cache.
    pub(crate) fn push(&mut self, data: &[u8]) -> io::Result<()> {
        for part in data.chunks(CHUNK) {
            self.hasher.write(part);
            self.len += part.len() as u64;
            let skipped = self.to_skip.min(part.len());
            self.to_skip -= skipped;
            self.put_held(&part[skipped..])?;
        }
        Ok(())
    }

    fn put_held(&mut self, part: &[u8]) -> io::Result<()> {
        match part.split_last() {
            Some((last, before)) if self.wrap.hold_last => {
                if let Some(held) = self.held.replace(*last) {
                    self.put(&[held])?;
                }
                self.put(before)
            }
            _ => self.put(part),
        }
    }

    fn put(&mut self, data: &[u8]) -> io::Result<()> {
        write_all_at(&*self.file, self.at, data)?;
        self.at += data.len() as u64;
        Ok(())
    }

    /// Bytes of the value so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn checksum(&self) -> Checksum {
        self.hasher.finish_128().to_le_bytes()
    }

    /// Where the value will be found.
    pub(crate) fn place(&self, synced: bool) -> Place {
        let cut = Cut {
            prefix: self.wrap.skip.clone(),
            start: self.wrap.head.len() as u64,
            end: self.at,
            suffix: self.held.into_iter().collect(),
        };
        Place::File { synced, pickle: self.wrap.pickle, cut }
    }

    /// Ends the file, makes it durable if `sync`, and gives it its name in `dir`.
    pub(crate) fn finish(mut self, dir: &Path, trailer: &Trailer, sync: bool) -> io::Result<()> {
        let mut end = self.wrap.tail.clone();
        end.extend_from_slice(&trailer.encode()?);
        self.put(&end)?;
        if let Some(at) = self.wrap.len_at {
            write_all_at(&*self.file, at, &self.len.to_le_bytes())?;
        }
        if sync {
            self.file.sync()?;
        }
        let name = name(&trailer.tag, &trailer.meta).ok_or(io::ErrorKind::InvalidInput)?;
        self.io.rename(&self.path, &dir.join(name))?;
        self.kept = true;
        if sync {
            self.io.sync_dir(dir)?;
        }
        Ok(())
    }

    /// The trailer of a finished value.
    pub(crate) fn trailer(store: u64, tag: &str, meta: &Meta) -> Trailer {
        Trailer { store, tag: tag.to_owned(), meta: meta.clone() }
    }
}

impl Write for StagedFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.push(data)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.kept {
            // What stays behind is swept when the store is opened next.
            let _ = self.io.remove(&self.path);
        }
    }
}
