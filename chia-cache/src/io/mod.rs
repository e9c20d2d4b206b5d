//! The disk. Everything the store does to files goes through [`Io`], so that tests can make any single
//! operation fail and can drop whatever was not synced.

mod backend;
mod disk;
mod overlay;
#[cfg(test)]
pub(crate) mod sim;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::meta::Stamp;

pub(crate) use backend::IndexBackend;
pub(crate) use disk::Disk;
pub(crate) use overlay::Overlay;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// It must exist; for reading only.
    Read,
    /// It must exist; for reading and writing.
    Edit,
    /// It may exist; for reading and writing, created with mode 0600.
    Create,
    /// It must not exist; for reading and writing, created with mode 0600.
    New,
}

/// What is known of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata {
    pub(crate) len: u64,
    pub(crate) modified: SystemTime,
    /// Tells the file from another under the same name.
    pub(crate) inode: u64,
    /// Names of the file; 0 once it was removed.
    pub(crate) links: u64,
}

impl Metadata {
    pub(crate) fn stamp(&self) -> Stamp {
        let modified =
            self.modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        Stamp { len: self.len, modified, inode: self.inode }
    }
}

/// A file system. All paths are absolute and lie beneath the directory given to [`rooted`](Self::rooted);
/// no symbolic link beneath it is followed.
pub(crate) trait Io: Debug + Send + Sync + 'static {
    /// The file system as seen from the directory `dir`, which is created with its parents, mode 0700,
    /// if it is missing.
    fn rooted(&self, dir: &Path) -> io::Result<Arc<dyn Io>>;
    /// Opens a regular file; anything else is [`not_regular`].
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn IoFile>>;
    /// Replaces `to` if it exists. Durable only after [`sync_dir`](Self::sync_dir).
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates the directory with mode 0700; fine if it exists.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the entries of the directory durable: creations, renames and removals.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes everything durable that is in the file system of this directory. `Unsupported` where the
    /// system cannot tell how it went.
    fn sync_all(&self, path: &Path) -> io::Result<()>;
    /// Calls `each` with the name of every regular file in the directory.
    fn list(&self, path: &Path, each: &mut dyn FnMut(&str)) -> io::Result<()>;
    /// Of the name itself: a link is not followed.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
}

/// The error of opening what is not a regular file with one name.
pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file, or has a second name")
}

/// An open file. All offsets are absolute, so that threads may share it.
pub(crate) trait IoFile: Debug + Send + Sync + 'static {
    /// Reads up to `buf.len()` bytes; 0 at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes up to `data.len()` bytes.
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize>;
    /// Makes the contents and the length durable.
    fn sync(&self) -> io::Result<()>;
    fn metadata(&self) -> io::Result<Metadata>;
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len)
    }
    /// Takes disk space for the first `len` bytes, so that writing them cannot fail for want of it.
    fn allocate(&self, len: u64) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Takes the lock that the kernel drops when this process dies; false if another has it.
    fn try_lock(&self) -> io::Result<bool>;
}

/// Fills `buf` or fails with `UnexpectedEof`.
pub(crate) fn read_exact_at(file: &dyn IoFile, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(offset + done as u64, &mut buf[done..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Writes all of `data`, however short the single writes are.
pub(crate) fn write_all_at(file: &dyn IoFile, offset: u64, data: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < data.len() {
        match file.write_at(offset + done as u64, &data[done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The whole file, if it is no longer than `limit`.
pub(crate) fn read_file(io: &dyn Io, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = io.open(path, Open::Read)?;
    let len = file.len()?;
    if len > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    let mut buf = vec![0; len as usize];
    read_exact_at(&*file, 0, &mut buf)?;
    Ok(buf)
}
