//! Where the parts of a store are.

use std::path::PathBuf;

/// The paths of one store.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The directory the user named; value files are right in it.
    pub(crate) dir: PathBuf,
    /// Everything else: lock, log, index. Apart, so that only entries change the directory's time.
    pub(crate) private: PathBuf,
    pub(crate) index: PathBuf,
    pub(crate) lock: PathBuf,
    /// Values being written.
    pub(crate) staging: PathBuf,
    /// The same in format 1.
    pub(crate) staging_1: PathBuf,
    /// Damaged files.
    pub(crate) quarantine: PathBuf,
    /// Space that is given up so that room can be made on a full disk.
    pub(crate) reserve: PathBuf,
    /// The damaged index while a new one is made in its place.
    pub(crate) damaged: PathBuf,
    /// Says that the index was found damaged while the store was open.
    pub(crate) rebuild: PathBuf,
    /// The path of the directory that an overlay's reads fall through to; see [`crate::overlay`].
    pub(crate) overlay: PathBuf,
}

impl Paths {
    pub(crate) fn new(dir: PathBuf) -> Self {
        let private = dir.join(".chia");
        Self {
            index: private.join("index.redb"),
            lock: private.join("lock"),
            staging: private.join("staging"),
            staging_1: private.join("drafts"),
            quarantine: private.join("quarantine"),
            reserve: private.join("reserve"),
            damaged: private.join("index.damaged"),
            rebuild: private.join("rebuild"),
            overlay: private.join("overlay"),
            private,
            dir,
        }
    }
}
