//! Where damaged files go: out of the way, but not away.

use std::path::Path;

use crate::error::{Error, Result};
use crate::io::Io;
use crate::meta;
use crate::store::inner::Paths;

/// Moves a file into the set-aside directory under a name that tells when; gives that name.
pub(crate) fn keep(io: &dyn Io, paths: &Paths, path: &Path, name: &str) -> Result<String> {
    let mut kept = format!("{}-{name}", meta::now());
    let mut tries = 0;
    while io.metadata(&paths.set_aside.join(&kept)).is_ok() {
        tries += 1;
        kept = format!("{}.{tries}-{name}", meta::now());
    }
    io.rename(path, &paths.set_aside.join(&kept)).map_err(|e| Error::io("set aside", path, e))?;
    Ok(kept)
}
