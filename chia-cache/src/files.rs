//! Values that are files: their names, and the trailer that makes each one self-describing.
//!
//! A file is `value | trailer | u32 trailer length | u64 xxh3-64 of the trailer | magic`. With the
//! trailer at the end a value of unknown length streams straight into place, and a file can be
//! adopted again after the index is lost.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use crate::io::{Io, IoFile, Open, read_exact_at, write_all_at};
use crate::meta::{Checksum, Meta, Place};

const MAGIC: [u8; 8] = *b"CHIAVAL1";
const FOOTER: usize = 4 + 8 + 8;

/// A trailer longer than this is damage.
const MAX_TRAILER: u64 = crate::MAX_TAG_LEN as u64 + 64 * 1024;

/// The most characters of the tag that show in a file's name.
const MAX_SLUG: usize = 40;

/// How much of a value is in memory at a time while it streams.
const CHUNK: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Trailer {
    tag: String,
    meta: Meta,
}

/// The name of the entry's file, if it has one: what can be read of the tag, a digest of all of it,
/// and the generation. No part of a tag can lead out of the directory.
pub(crate) fn name(tag: &str, meta: &Meta) -> Option<String> {
    let Place::File { generation, .. } = meta.place else {
        return None;
    };
    let mut name: String = tag
        .chars()
        .take(MAX_SLUG)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .collect();
    let digest = xxh3_128(tag.as_bytes());
    write!(name, "-{digest:032x}-{generation:x}.val").expect("writing to a string cannot fail");
    Some(name)
}

/// The generation in a name that [`name`] made.
pub(crate) fn generation(name: &str) -> Option<u64> {
    let mut parts = name.strip_suffix(".val")?.rsplit('-');
    let generation = u64::from_str_radix(parts.next()?, 16).ok()?;
    let digest = parts.next()?;
    (digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit())).then_some(generation)
}

/// A value on its way into a file under a temporary name.
pub(crate) struct Draft {
    io: Arc<dyn Io>,
    path: PathBuf,
    file: Arc<dyn IoFile>,
    len: u64,
    hasher: Xxh3,
    kept: bool,
}

impl Draft {
    pub(crate) fn create(io: &Arc<dyn Io>, path: PathBuf) -> io::Result<Self> {
        let file = io.open(&path, Open::New)?;
        Ok(Self { io: Arc::clone(io), path, file, len: 0, hasher: Xxh3::new(), kept: false })
    }

    /// Appends to the value, hashing each part while it is in the processor's cache.
    pub(crate) fn push(&mut self, data: &[u8]) -> io::Result<()> {
        for part in data.chunks(CHUNK) {
            self.hasher.update(part);
            write_all_at(&*self.file, self.len, part)?;
            self.len += part.len() as u64;
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn checksum(&self) -> Checksum {
        self.hasher.digest128().to_le_bytes()
    }

    /// Ends the file, makes it durable if `sync`, and gives it its name.
    pub(crate) fn finish(
        mut self,
        dir: &Path,
        tag: &str,
        meta: &Meta,
        sync: bool,
    ) -> io::Result<()> {
        let trailer = Trailer { tag: tag.to_owned(), meta: meta.clone() };
        let mut end = postcard::to_allocvec(&trailer).map_err(io::Error::other)?;
        let sum = xxh3_64(&end);
        let len = end.len() as u32;
        end.extend_from_slice(&len.to_le_bytes());
        end.extend_from_slice(&sum.to_le_bytes());
        end.extend_from_slice(&MAGIC);
        write_all_at(&*self.file, self.len, &end)?;
        if sync {
            self.file.sync()?;
        }
        let name = name(tag, meta).ok_or(io::ErrorKind::InvalidInput)?;
        self.io.rename(&self.path, &dir.join(name))?;
        self.kept = true;
        if sync {
            self.io.sync_dir(dir)?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // What stays behind is swept when the store is opened next.
            let _ = self.io.remove(&self.path);
        }
    }
}

/// Reads the tag and the facts at the end of a file; `None` if it is none of ours, or not whole.
pub(crate) fn read_trailer(io: &dyn Io, path: &Path) -> io::Result<Option<(String, Meta)>> {
    let file = io.open(path, Open::Read)?;
    let Some(before_footer) = file.len()?.checked_sub(FOOTER as u64) else {
        return Ok(None);
    };
    let mut footer = [0; FOOTER];
    read_exact_at(&*file, before_footer, &mut footer)?;
    let len = u64::from(u32::from_le_bytes(footer[..4].try_into().expect("four bytes")));
    let sum = u64::from_le_bytes(footer[4..12].try_into().expect("eight bytes"));
    if footer[12..] != MAGIC || len > MAX_TRAILER || len > before_footer {
        return Ok(None);
    }
    let mut trailer = vec![0; len as usize];
    read_exact_at(&*file, before_footer - len, &mut trailer)?;
    if xxh3_64(&trailer) != sum {
        return Ok(None);
    }
    let Ok(Trailer { tag, meta }) = postcard::from_bytes(&trailer) else {
        return Ok(None);
    };
    Ok((meta.len == before_footer - len).then_some((tag, meta)))
}

/// A value that was not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
    #[error("the value does not match its checksum")]
    Damaged,
    #[error("the receiver of the value failed")]
    Sink(#[source] io::Error),
}

/// The whole value, checked.
pub(crate) fn read(file: &dyn IoFile, meta: &Meta) -> Result<Vec<u8>, ReadError> {
    // A damaged length must not make us allocate what the file cannot hold.
    if file.len().map_err(ReadError::Io)? < meta.len {
        return Err(ReadError::Damaged);
    }
    let mut value = vec![0; meta.len as usize];
    let mut hasher = Xxh3::new();
    for (i, part) in value.chunks_mut(CHUNK).enumerate() {
        read_exact_at(file, (i * CHUNK) as u64, part).map_err(short)?;
        hasher.update(part);
    }
    check(&hasher, meta)?;
    Ok(value)
}

/// Streams the value into `sink` and checks it on the way.
pub(crate) fn copy(file: &dyn IoFile, meta: &Meta, sink: &mut dyn Write) -> Result<(), ReadError> {
    let mut hasher = Xxh3::new();
    let mut buf = vec![0; CHUNK.min(meta.len as usize)];
    let mut at = 0;
    while at < meta.len {
        let part = (meta.len - at).min(CHUNK as u64) as usize;
        read_exact_at(file, at, &mut buf[..part]).map_err(short)?;
        hasher.update(&buf[..part]);
        sink.write_all(&buf[..part]).map_err(ReadError::Sink)?;
        at += part as u64;
    }
    check(&hasher, meta)
}

fn short(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Damaged,
        _ => ReadError::Io(error),
    }
}

fn check(hasher: &Xxh3, meta: &Meta) -> Result<(), ReadError> {
    match meta.checksum {
        Some(sum) if hasher.digest128().to_le_bytes() != sum => Err(ReadError::Damaged),
        _ => Ok(()),
    }
}

/// Reads from `reader` until `buf` is full or the reader ends.
pub(crate) fn fill(reader: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match reader.read(&mut buf[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}
