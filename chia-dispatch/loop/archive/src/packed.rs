//! A packed file or tree as one run of bytes: a small header, then the archive.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rustix::fs::statvfs;
use serde::{Deserialize, Serialize};

use crate::contents::{Contents, Kind};
use crate::error::{Error, ErrorKind, Result, io_at};
use crate::hashes::Hashes;
use crate::limits::Limits;
use crate::pack::pack;
use crate::stage::{self, Place};
use crate::unpack::unpack_to;

/// Begins the bytes; the last one is the version.
const MAGIC: [u8; 8] = *b"chia-ar\x01";

/// Bytes of the header.
const HEADER: usize = 41;

#[derive(Serialize, Deserialize)]
struct Header {
    magic: [u8; 8],
    contents: Contents,
}

/// A file or a tree, packed or still where it was found.
#[derive(Clone)]
pub(crate) struct Packed {
    pub(crate) contents: Contents,
    source: Arc<Source>,
}

struct Source {
    /// Where it was found, unless it came packed.
    path: Option<PathBuf>,
    bytes: OnceLock<Bytes>,
}

impl Packed {
    /// What is at a path, to be packed when it is needed.
    pub(crate) fn at(path: &Path, kind: Kind) -> Result<Self> {
        let path = std::path::absolute(path).map_err(io_at("find", path))?;
        let contents = Hashes::shared().hash(&path)?;
        is_kind(&contents, kind, || path.display().to_string())?;
        Ok(Self::new(contents, Some(path), OnceLock::new()))
    }

    /// What is at a path, packed now.
    pub(crate) fn pack(path: &Path, kind: Kind) -> Result<Self> {
        let (contents, bytes) = packed(path)?;
        is_kind(&contents, kind, || path.display().to_string())?;
        Ok(Self::new(contents, None, OnceLock::from(bytes)))
    }

    /// What these bytes say they are; the archive is checked when it is unpacked.
    pub(crate) fn from_bytes(bytes: Bytes, kind: Kind) -> Result<Self> {
        let header = header(&bytes).ok_or_else(|| {
            Error::bad(format!("{} bytes that are no packed {kind}", bytes.len()))
        })?;
        is_kind(&header.contents, kind, || "the packed value".to_owned())?;
        Ok(Self::new(header.contents, None, OnceLock::from(bytes)))
    }

    fn new(contents: Contents, path: Option<PathBuf>, bytes: OnceLock<Bytes>) -> Self {
        Self { contents, source: Arc::new(Source { path, bytes }) }
    }

    /// Header and archive.
    pub(crate) fn bytes(&self) -> Result<Bytes> {
        let Source { path, bytes: slot } = &*self.source;
        if let Some(bytes) = slot.get() {
            return Ok(bytes.clone());
        }
        let path = path.as_deref().unwrap_or(Path::new(""));
        let (contents, bytes) = packed(path)?;
        if contents != self.contents {
            let message = format!("{} changed since it was hashed", path.display());
            return Err(Error::new(ErrorKind::Changed, message));
        }
        Ok(slot.get_or_init(|| bytes).clone())
    }

    /// Unpacks it to a path.
    pub(crate) fn unpack(&self, target: &Path, place: Place) -> Result<()> {
        if target.symlink_metadata().is_ok() {
            if Hashes::shared().hash(target).is_ok_and(|there| there == self.contents) {
                return Ok(());
            }
            if place == Place::New {
                return Err(stage::exists(target));
            }
        }
        has_room(target, &self.contents)?;
        let bytes = self.bytes()?;
        let archive = bytes.get(HEADER..).unwrap_or_default();
        let limits = Limits::exactly(&self.contents);
        unpack_to(archive, target, limits, place, Some(&self.contents)).map(drop)
    }
}

/// What the header of a packed value states, without looking at the rest.
pub(crate) fn contents_of(bytes: &[u8]) -> Option<Contents> {
    header(bytes).map(|header| header.contents)
}

fn header(bytes: &[u8]) -> Option<Header> {
    let header: Header = postcard::from_bytes(bytes.get(..HEADER)?).ok()?;
    (header.magic == MAGIC).then_some(header)
}

fn packed(path: &Path) -> Result<(Contents, Bytes)> {
    let mut bytes = vec![0; HEADER];
    let contents = pack(path, &mut bytes)?;
    postcard::to_slice(&Header { magic: MAGIC, contents }, &mut bytes[..HEADER])
        .map_err(|error| Error::bad(format!("the header does not fit: {error}")))?;
    Ok((contents, bytes.into()))
}

fn is_kind(contents: &Contents, kind: Kind, what: impl FnOnce() -> String) -> Result<()> {
    if contents.kind == kind {
        return Ok(());
    }
    let message = format!("{} is a {}, not a {kind}", what(), contents.kind);
    Err(Error::new(ErrorKind::WrongKind, message))
}

/// Fails at once where the disk would be full in the end.
fn has_room(target: &Path, contents: &Contents) -> Result<()> {
    let target = std::path::absolute(target).map_err(io_at("find", target))?;
    let parent = target.parent().unwrap_or(&target);
    let disk = statvfs(parent).map_err(|error| io_at("write to", parent)(error.into()))?;
    let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    // File systems that make inodes as they are needed count none.
    let entries = if disk.f_files == 0 { u64::MAX } else { disk.f_favail };
    if contents.bytes <= bytes && contents.entries <= entries {
        return Ok(());
    }
    let message = format!(
        "{} bytes in {} files and directories do not fit into {}, which has room for {bytes} and {entries}",
        contents.bytes,
        contents.entries,
        parent.display()
    );
    Err(Error::new(ErrorKind::TooLarge, message))
}
