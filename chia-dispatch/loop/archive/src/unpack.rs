//! Unpacking an archive.

use std::io::Read;
use std::path::Path;

use crate::contents::Contents;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::read;
use crate::stage::{Place, Stage};

/// Unpacks an archive of [`pack`](crate::pack) to `target`, where nothing may be yet, and says what
/// it holds.
///
/// Everything is written beside the target first and moved there in one step, so a target that is
/// there is whole. An archive that is refused leaves nothing behind; a process that is killed can
/// leave a folder `.chia-archive-*` in the target's directory. Nothing is synced to the disk.
///
/// The archive may come from anybody. Whatever `pack` does not write is refused: paths that are absolute
/// or lead out of the target, entries below a link, entries that come twice, hard links, devices,
/// pipes, special permissions, NULs in names, anything beyond `limits`. A link may lead anywhere:
/// it is written, and never followed. Decompression takes at most 128 MiB of memory.
///
/// # Errors
/// [`BadArchive`](ErrorKind::BadArchive) and [`TooLarge`](ErrorKind::TooLarge) for an archive that is
/// refused, [`Exists`](ErrorKind::Exists) if something is at the target, [`Io`](ErrorKind::Io) if
/// something cannot be written; the target's directory must exist.
pub fn unpack(archive: impl Read, target: impl AsRef<Path>, limits: Limits) -> Result<Contents> {
    unpack_to(archive, target.as_ref(), limits, Place::New, None)
}

/// Unpacks to a place; what comes out must be as expected, if anything is.
pub(crate) fn unpack_to(
    archive: impl Read,
    target: &Path,
    limits: Limits,
    place: Place,
    expected: Option<&Contents>,
) -> Result<Contents> {
    let mut stage = Stage::new(target)?;
    let found = read::read(archive, limits, |path, node, content| stage.add(path, node, content))?;
    if expected.is_some_and(|expected| *expected != found) {
        let message = "the archive holds something else than its header says";
        return Err(Error::new(ErrorKind::BadArchive, message));
    }
    stage.finish(place)?;
    Ok(found)
}
