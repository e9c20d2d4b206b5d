//! Hashing files, and remembering the hashes of those that did not change.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use lru::LruCache;

use crate::contents::{Contents, TreeHasher};
use crate::entry::Node;
use crate::error::Result;
use crate::source::{Source, Stamp};
use crate::walk::{Found, Walk};

/// Files that [`Hashes::shared`] remembers: about 10 MB of memory.
const SHARED: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Hashes of files by path, size, times and inode, so that a file which did not change is read once.
///
/// A file that changed within the last two seconds is hashed, but not remembered: a second change
/// could carry the same time stamp, and nothing would tell that the file is another. (Git calls such
/// entries of its index racy.) Beside the time of the last change of the content, the one of the
/// last change of any kind is compared; tools that set the former cannot set the latter.
///
/// ```
/// use std::fs;
/// use chia_archive::Hashes;
///
/// let dir = tempfile::tempdir()?;
/// let source = dir.path().join("kernel.c");
/// fs::write(&source, "int main(void) { return 0; }")?;
/// let before = Hashes::shared().hash(&source)?;
/// fs::write(&source, "int main(void) { return 1; }")?;
/// assert_ne!(Hashes::shared().hash(&source)?.digest, before.digest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Hashes {
    known: Mutex<LruCache<PathBuf, (Stamp, u128)>>,
}

impl Hashes {
    /// Remembers up to `capacity` files, those that were asked for last.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self { known: Mutex::new(LruCache::new(capacity)) }
    }

    /// The hashes that the whole process shares, of up to 65,536 files.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED_HASHES: LazyLock<Hashes> = LazyLock::new(|| Hashes::new(SHARED));
        &SHARED_HASHES
    }

    /// What a file, or a directory with all that is below it, holds. The path itself is followed if it
    /// is a symbolic link; links below it are hashed as links.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) if something cannot be read,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a device, a socket or a pipe, and
    /// [`Changed`](crate::ErrorKind::Changed) if a file changes meanwhile.
    pub fn hash(&self, path: impl AsRef<Path>) -> Result<Contents> {
        let mut tree = TreeHasher::new();
        for found in Walk::new(path.as_ref())? {
            let found = found?;
            let content = match found.node {
                Node::File { .. } => self.file(&found)?,
                Node::Directory { .. } | Node::Link { .. } => 0,
            };
            tree.add(&found.path, &found.node, content);
        }
        Ok(tree.finish())
    }

    fn file(&self, found: &Found) -> Result<u128> {
        let stamp = Stamp::of(&found.meta);
        let known = self.lock().get(&found.full).copied();
        if let Some((_, digest)) = known.filter(|(known, _)| *known == stamp) {
            return Ok(digest);
        }
        let now = SystemTime::now();
        let digest = Source::open(&found.full, &found.meta)?.copy(|_| Ok(()))?;
        if stamp.is_settled(now) {
            self.lock().put(found.full.clone(), (stamp, digest));
        }
        Ok(digest)
    }

    /// The map is whole between any two statements, whatever panicked.
    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<PathBuf, (Stamp, u128)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Waits until a file that was just written is settled.
    fn settle() {
        thread::sleep(Duration::from_millis(2_100));
    }

    #[test]
    fn a_file_that_did_not_change_is_not_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let hashes = Hashes::new(NonZeroUsize::new(8).unwrap());
        let fresh = hashes.hash(&path).unwrap();
        assert_eq!(hashes.lock().len(), 0, "it was written just now");
        settle();
        assert_eq!(hashes.hash(&path).unwrap(), fresh);
        let key = fs::canonicalize(&path).unwrap();
        hashes.lock().get_mut(&key).expect("it is settled").1 = 42;
        assert_ne!(hashes.hash(&path).unwrap().digest, fresh.digest, "the map was asked");
    }

    #[test]
    fn a_change_is_noticed_even_if_size_and_time_are_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "one").unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        settle();
        let hashes = Hashes::new(NonZeroUsize::new(8).unwrap());
        let before = hashes.hash(&path).unwrap();
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_ne!(hashes.hash(&path).unwrap().digest, before.digest);
    }

    #[test]
    fn no_more_files_are_remembered_than_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        settle();
        let hashes = Hashes::new(NonZeroUsize::new(2).unwrap());
        hashes.hash(dir.path()).unwrap();
        assert_eq!(hashes.lock().len(), 2);
    }
}
