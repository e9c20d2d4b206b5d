//! Where damaged files go: out of the way, but not away. Bounded by number and bytes, oldest out first.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::{Io, IoFile, Open, read_exact_at, write_all_at};
use crate::meta;

/// The most files that are kept.
const MAX_FILES: usize = 256;

/// The most bytes that are kept, whatever the budget.
const MIN_BYTES: u64 = 64 * 1024 * 1024;

/// How much is copied at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// The quarantine of one store.
#[derive(Debug)]
pub(crate) struct Quarantine<'a> {
    io: &'a dyn Io,
    dir: &'a Path,
    max_bytes: u64,
}

impl<'a> Quarantine<'a> {
    /// The quarantine in `dir` of a store with this budget.
    pub(crate) fn new(io: &'a dyn Io, dir: &'a Path, budget: u64) -> Self {
        Self { io, dir, max_bytes: (budget / 8).max(MIN_BYTES) }
    }

    /// Moves a file here under a name that tells when; gives that name.
    pub(crate) fn take(&self, path: &Path, name: &str) -> Result<String> {
        let fail = |e| Error::io("quarantine", path, e);
        let len = self.io.metadata(path).map_err(fail)?.len;
        self.make_room(len);
        let free = self.free_name(name);
        self.io.rename(path, &self.dir.join(&free)).map_err(fail)?;
        Ok(free)
    }

    /// Keeps the bytes of a value that has no file of its own.
    pub(crate) fn take_bytes(&self, bytes: &[u8], name: &str) -> io::Result<()> {
        self.make_room(bytes.len() as u64);
        let path = self.dir.join(self.free_name(name));
        write_all_at(&*self.io.open(&path, Open::New)?, 0, bytes)
    }

    /// Keeps a copy of a file that is still in use.
    pub(crate) fn copy(&self, path: &Path, name: &str) -> Result<String> {
        let fail = |e| Error::io("copy into the quarantine", path, e);
        let from = self.io.open(path, Open::Read).map_err(fail)?;
        let len = from.len().map_err(fail)?;
        self.make_room(len);
        let free = self.free_name(name);
        let to = self.io.open(&self.dir.join(&free), Open::New).map_err(fail)?;
        copy(&*from, &*to, len).map_err(|e| {
            // A part of it would only take room.
            let _ = self.io.remove(&self.dir.join(&free));
            fail(e)
        })?;
        Ok(free)
    }

    /// Drops the oldest files until there is room for `len` bytes more.
    fn make_room(&self, len: u64) {
        let mut files: Vec<(String, u64)> = Vec::new();
        let listed = self.io.list(self.dir, &mut |name| files.push((name.to_owned(), 0)));
        if listed.is_err() {
            return;
        }
        for (name, len) in &mut files {
            *len = self.io.metadata(&self.dir.join(name)).map_or(0, |found| found.len);
        }
        // The names begin with the time.
        files.sort_by_key(|(name, _)| (time(name), name.clone()));
        let mut bytes: u64 = files.iter().map(|(_, len)| len).sum();
        let mut left = files.len();
        for (name, size) in files {
            if left < MAX_FILES && bytes.saturating_add(len) <= self.max_bytes {
                return;
            }
            tracing::warn!(name, size, "the quarantine is full; its oldest file is dropped");
            if self.io.remove(&self.dir.join(name)).is_ok() {
                left -= 1;
                bytes -= size;
            }
        }
    }

    fn free_name(&self, name: &str) -> String {
        let mut free = format!("{}-{name}", meta::now());
        let mut tries = 0;
        while self.io.metadata(&self.dir.join(&free)).is_ok() {
            tries += 1;
            free = format!("{}.{tries}-{name}", meta::now());
        }
        free
    }
}

fn time(name: &str) -> u64 {
    let digits = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    name[..digits].parse().unwrap_or_default()
}

fn copy(from: &dyn IoFile, to: &dyn IoFile, len: u64) -> io::Result<()> {
    let mut buf = vec![0; CHUNK];
    let mut at = 0;
    while at < len {
        let part = (len - at).min(CHUNK as u64) as usize;
        read_exact_at(from, at, &mut buf[..part])?;
        write_all_at(to, at, &buf[..part])?;
        at += part as u64;
    }
    Ok(())
}

/// Moves what is no regular file out of the way of a file of the store.
pub(crate) fn clear_path(quarantine: &Quarantine<'_>, path: &Path) -> Result<Option<String>> {
    match quarantine.io.open(path, Open::Edit) {
        Err(e) if crate::store::is_no_file(&e) => {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
            quarantine.take(path, name).map(Some)
        }
        _ => Ok(None),
    }
}
