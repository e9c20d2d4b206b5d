//! Where damaged values go: out of the way, but not away.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::{Io, Open, write_all_at};
use crate::meta;
use crate::store::inner::Paths;

/// Moves a file into the quarantine directory under a name that tells when; gives that name.
pub(crate) fn keep(io: &dyn Io, paths: &Paths, path: &Path, name: &str) -> Result<String> {
    let kept = free_name(io, paths, name);
    io.rename(path, &paths.quarantine.join(&kept))
        .map_err(|e| Error::io("put into quarantine", path, e))?;
    Ok(kept)
}

/// Keeps the bytes of a value that has no file of its own.
pub(crate) fn keep_bytes(io: &dyn Io, paths: &Paths, bytes: &[u8], name: &str) -> io::Result<()> {
    let kept = paths.quarantine.join(free_name(io, paths, name));
    write_all_at(&*io.open(&kept, Open::New)?, 0, bytes)
}

fn free_name(io: &dyn Io, paths: &Paths, name: &str) -> String {
    let mut free = format!("{}-{name}", meta::now());
    let mut tries = 0;
    while io.metadata(&paths.quarantine.join(&free)).is_ok() {
        tries += 1;
        free = format!("{}.{tries}-{name}", meta::now());
    }
    free
}
