//! Reading a file, and noticing that somebody writes it meanwhile.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;
use twox_hash::XxHash3_128;

use crate::error::{Error, ErrorKind, Result, io_at};

/// Bytes read at once.
const CHUNK: usize = 128 * 1024;

/// Two changes within this time may carry the same time stamp: the coarsest file systems count in
/// steps of two seconds.
const RACY: Duration = Duration::from_secs(2);

/// What tells that a file is still the same without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Whether a change after `now` is sure to change the stamp.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let newest = self.modified.max(self.changed);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let settled = now.saturating_sub(RACY);
        let settled =
            (i64::try_from(settled.as_secs()).unwrap_or(i64::MAX), settled.subsec_nanos());
        newest < (settled.0, i64::from(settled.1))
    }
}

/// An open file.
pub(crate) struct Source<'p> {
    file: fs::File,
    path: &'p Path,
    stamp: Stamp,
}

impl<'p> Source<'p> {
    /// Opens the file that `meta` is about.
    pub(crate) fn open(path: &'p Path, meta: &Metadata) -> Result<Self> {
        // A file that became a link or a pipe meanwhile is neither followed nor waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        let file =
            options.read(true).custom_flags(flags).open(path).map_err(io_at("open", path))?;
        let source = Self { file, path, stamp: Stamp::of(meta) };
        source.is_unchanged()?;
        Ok(source)
    }

    /// Hands the whole file to `sink`; gives back the hash of its bytes.
    pub(crate) fn copy(mut self, sink: impl FnMut(&[u8]) -> Result<()>) -> Result<u128> {
        let limit = self.stamp.size;
        let (bytes, digest) = copy(&mut self.file, limit, io_at("read", self.path), sink)?;
        if bytes != limit {
            return Err(changed(self.path));
        }
        self.is_unchanged()?;
        Ok(digest)
    }

    fn is_unchanged(&self) -> Result<()> {
        let meta = self.file.metadata().map_err(io_at("look at", self.path))?;
        if Stamp::of(&meta) == self.stamp { Ok(()) } else { Err(changed(self.path)) }
    }
}

fn changed(path: &Path) -> Error {
    let message = format!("{} changed while it was read", path.display());
    Error::new(ErrorKind::Changed, message)
}

/// The file or directory at a path, links followed.
pub(crate) fn real(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(io_at("find", path))
}

/// Reads to the end, or one byte past `limit`; gives back the number of bytes and their hash.
pub(crate) fn copy(
    source: &mut dyn Read,
    limit: u64,
    failed: impl Fn(io::Error) -> Error,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<(u64, u128)> {
    let mut source = source.take(limit.saturating_add(1));
    let mut hasher = XxHash3_128::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        let length = fill(&mut source, &mut chunk).map_err(&failed)?;
        if length == 0 {
            return Ok((bytes, hasher.finish_128()));
        }
        bytes += length as u64;
        hasher.write(&chunk[..length]);
        sink(&chunk[..length])?;
    }
}

/// Fills the buffer unless the source ends, so that what follows sees the same pieces every time.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_settled_two_seconds_after_the_last_change() {
        let second = |s| (s, 0);
        let stamp = |modified, changed| Stamp { device: 1, inode: 1, size: 1, modified, changed };
        let now = UNIX_EPOCH + Duration::from_secs(100);
        assert!(stamp(second(97), second(97)).is_settled(now));
        assert!(!stamp(second(97), second(99)).is_settled(now), "its time may have been set");
        assert!(!stamp(second(98), second(98)).is_settled(now));
        assert!(!stamp(second(200), second(1)).is_settled(now), "a clock that is ahead");
        assert!(stamp(second(-5), second(-5)).is_settled(now));
    }

    #[test]
    fn what_is_copied_is_counted_hashed_and_bounded() {
        let data = vec![7; CHUNK + 1];
        let mut seen = Vec::new();
        let failed = |error: io::Error| Error::bad(error.to_string());
        let mut sink = |part: &[u8]| {
            seen.push(part.len());
            Ok(())
        };
        let whole = copy(&mut &data[..], data.len() as u64, failed, &mut sink).unwrap();
        assert_eq!(whole, (data.len() as u64, XxHash3_128::oneshot(&data)));
        assert_eq!(copy(&mut &data[..], 9, failed, &mut sink).unwrap().0, 10);
        assert_eq!(seen, [CHUNK, 1, 10]);
    }
}
