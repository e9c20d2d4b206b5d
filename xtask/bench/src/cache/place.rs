//! Where the benchmarks keep their files: under `target/`, a real disk where `/tmp` may be memory.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The build directory of the workspace.
pub(super) fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// A new directory that is removed when dropped.
pub(crate) fn folder() -> anyhow::Result<tempfile::TempDir> {
    std::fs::create_dir_all(target())?;
    tempfile::Builder::new()
        .prefix("bench-cache-")
        .tempdir_in(target())
        .context("no directory for the benchmark")
}

/// Takes every file below `folder` out of the page cache.
pub(crate) fn drop_from_memory(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            drop_from_memory(&entry.path())?;
        } else {
            let file = std::fs::File::open(entry.path())?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}
