//! A folder for what runs below us, removed whatever happens.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

/// Where it is. Short, because paths of sockets below it are limited to 107 bytes.
pub(crate) fn path() -> PathBuf {
    std::env::temp_dir().join(format!("chia-{}", std::process::id()))
}

/// Makes it, unless it is there.
pub(crate) fn make() -> anyhow::Result<PathBuf> {
    fs::create_dir_all(path()).context("cannot make the scratch folder")?;
    Ok(path())
}

/// Removes it with everything in it.
pub(crate) fn remove() {
    // Nothing may be there, and what cannot be removed is not worth failing for.
    let _ = fs::remove_dir_all(path());
}
