//! Reading a value back from its file.

use std::io::{self, Read, Write};

use bytes::Bytes;
use twox_hash::XxHash3_128;

use super::CHUNK;
use super::buffer::Buffer;
use crate::io::{IoFile, read_exact_at};
use crate::meta::{Cut, Meta};

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
pub(crate) fn read(file: &dyn IoFile, meta: &Meta) -> Result<Bytes, ReadError> {
    let cut = checked_cut(file, meta)?;
    let mut value = Buffer::new(meta.len as usize).map_err(ReadError::Io)?;
    let (prefix, rest) = value.split_at_mut(cut.prefix.len());
    let (body, suffix) = rest.split_at_mut((cut.end - cut.start) as usize);
    prefix.copy_from_slice(&cut.prefix);
    suffix.copy_from_slice(&cut.suffix);
    let mut hasher = XxHash3_128::new();
    hasher.write(prefix);
    let mut at = cut.start;
    for part in body.chunks_mut(CHUNK) {
        read_exact_at(file, at, part).map_err(short)?;
        hasher.write(part);
        at += part.len() as u64;
    }
    hasher.write(suffix);
    check(&hasher, meta)?;
    Ok(value.into_bytes())
}

/// Streams the value into `sink` and checks it on the way.
pub(crate) fn copy(file: &dyn IoFile, meta: &Meta, sink: &mut dyn Write) -> Result<(), ReadError> {
    let cut = checked_cut(file, meta)?;
    let mut hasher = XxHash3_128::new();
    let mut pass = |part: &[u8]| {
        hasher.write(part);
        sink.write_all(part).map_err(ReadError::Sink)
    };
    pass(&cut.prefix)?;
    let mut buf = vec![0; CHUNK.min((cut.end - cut.start) as usize)];
    let mut at = cut.start;
    while at < cut.end {
        let part = (cut.end - at).min(CHUNK as u64) as usize;
        read_exact_at(file, at, &mut buf[..part]).map_err(short)?;
        pass(&buf[..part])?;
        at += part as u64;
    }
    pass(&cut.suffix)?;
    check(&hasher, meta)
}

/// The cut, if it fits the file: a damaged length must not make us allocate what the file cannot hold.
fn checked_cut<'a>(file: &dyn IoFile, meta: &'a Meta) -> Result<&'a Cut, ReadError> {
    let cut = meta.cut().ok_or(ReadError::Damaged)?;
    let whole = cut.len() == Some(meta.len) && file.len().map_err(ReadError::Io)? >= cut.end;
    whole.then_some(cut).ok_or(ReadError::Damaged)
}

fn short(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Damaged,
        _ => ReadError::Io(error),
    }
}

fn check(hasher: &XxHash3_128, meta: &Meta) -> Result<(), ReadError> {
    match meta.checksum {
        Some(sum) if hasher.finish_128().to_le_bytes() != sum => Err(ReadError::Damaged),
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
