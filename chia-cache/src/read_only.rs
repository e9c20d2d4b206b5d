//! Looking at a store without changing it.

use std::io::ErrorKind::NotFound;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::ByteSize;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Entry, Facts, Replay};
use crate::io::{Disk, Io, Open, Overlay, read_exact_at};
use crate::options::Options;
use crate::paths::Paths;
use crate::pickle::Head;
use crate::report::OpenReport;
use crate::stats::Stats;
use crate::store::Store;
use crate::sync::lock;

/// How often a snapshot is taken anew because the owner was faster.
const TRIES: usize = 20;

/// The part of the index that every change of it rewrites.
const INDEX_HEAD: u64 = 320;

/// A store that is only looked at, beside its owner or without one, from [`Store::open_read_only`].
///
/// Nothing on disk changes: no lock is taken, and reads do not count for the order of eviction. It shows
/// what the store held when it was opened or last [`refresh`](Self::refresh)ed; when the owner has brought
/// its index up to date since, it refreshes by itself.
#[derive(Debug)]
pub struct ReadOnlyStore {
    dir: PathBuf,
    snapshot: Mutex<Snapshot>,
}

#[derive(Clone, Debug)]
struct Snapshot {
    store: Arc<Store>,
    head: Vec<u8>,
}

impl Store {
    /// Opens the store in `dir` to look at it, whether or not it has an owner. A directory of `*.pkl` files
    /// of the Python original is a store as well.
    ///
    /// # Errors
    /// When there is no store in the directory, it was written by a later version, it cannot be read, or
    /// its owner changes it faster than it can be read.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<ReadOnlyStore> {
        let dir = dir.as_ref();
        let dir = std::path::absolute(dir).map_err(|e| Error::io("open", dir, e))?;
        let snapshot = Mutex::new(Snapshot::take(&dir)?);
        Ok(ReadOnlyStore { dir, snapshot })
    }
}

impl ReadOnlyStore {
    /// The directory, as an absolute path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What taking the snapshot found.
    #[must_use]
    pub fn open_report(&self) -> OpenReport {
        lock(&self.snapshot).store.open_report().clone()
    }

    /// Shows what the store holds now.
    ///
    /// # Errors
    /// As [`Store::open_read_only`].
    pub fn refresh(&self) -> Result<()> {
        let fresh = Snapshot::take(&self.dir)?;
        *lock(&self.snapshot) = fresh;
        Ok(())
    }

    /// The value under `tag`, checked, with its facts. A damaged entry is a miss.
    ///
    /// # Errors
    /// When the disk fails, or the owner changes the store faster than it can be read.
    pub fn read(&self, tag: &str) -> Result<Option<Entry>> {
        self.look(|store| store.read(tag))
    }

    /// As [`Store::replay`].
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn replay(&self, tag: &str, function: &str) -> Result<Replay> {
        self.look(|store| store.replay(tag, function))
    }

    /// The tags of all entries, sorted, as [`Store::keys`].
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn keys(&self) -> Result<Vec<String>> {
        self.look(Store::keys)
    }

    /// Like [`read`](Self::read), but hands the value to `writer` a piece at a time. The value is whole
    /// only if this returns `Ok(Some(_))`.
    ///
    /// # Errors
    /// As [`Store::read_into`].
    pub fn read_into(&self, tag: &str, writer: &mut dyn Write) -> Result<Option<Facts>> {
        let store = Arc::clone(&lock(&self.snapshot).store);
        store.read_into(tag, writer)
    }

    /// Whether there is an entry under `tag`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn has(&self, tag: &str) -> Result<bool> {
        self.look(|store| store.has(tag))
    }

    /// What is known of the entry under `tag`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn facts(&self, tag: &str) -> Result<Option<Facts>> {
        self.look(|store| store.facts(tag))
    }

    /// Up to `limit` entries whose tag begins with `prefix` and comes after `after`, in order of their tags.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn page(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Facts>> {
        self.look(|store| {
            let entries = store.entries().prefix(prefix);
            match after {
                Some(after) => entries.after(after).take(limit).collect(),
                None => entries.take(limit).collect(),
            }
        })
    }

    /// Entries and bytes held, and the bytes of the index.
    #[must_use]
    pub fn stats(&self) -> Stats {
        lock(&self.snapshot).store.stats()
    }

    /// Runs `op` on a snapshot that did not change underneath it.
    fn look<T>(&self, op: impl Fn(&Store) -> Result<T>) -> Result<T> {
        for _ in 0..TRIES {
            let snapshot = lock(&self.snapshot).clone();
            let result = op(&snapshot.store);
            if head(&self.dir)? == snapshot.head {
                return result;
            }
            self.refresh()?;
        }
        Err(busy(&self.dir))
    }
}

impl Snapshot {
    fn take(dir: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            let before = head(dir)?;
            let options = Options {
                read_only: true,
                ..Options::new(ByteSize::new(u64::MAX / 2)).allow_shrink(true)
            };
            let store = Store::open_with(
                Arc::new(Overlay::new(Arc::new(Disk::new()))),
                dir,
                options,
                crate::store::inner::Tuning { threads: false, ..Default::default() },
            );
            if head(dir)? == before {
                return Ok(Self { store: Arc::new(store?), head: before });
            }
        }
        Err(busy(dir))
    }
}

fn busy(dir: &Path) -> Error {
    Error::new(ErrorKind::Busy, "read", dir)
}

/// Whether there is a `*.pkl` file of an entry: in a directory of the Python original, or a store that
/// lost its index.
fn has_entries(dir: &Path) -> Result<bool> {
    let fail = |e| Error::io("open", dir, e);
    for file in std::fs::read_dir(dir).map_err(fail)? {
        let path = file.map_err(fail)?.path();
        let entry = path.extension().is_some_and(|end| end == "pkl") && path.is_file();
        if entry && std::fs::File::open(&path).is_ok_and(|file| Head::read(file).is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The start of the index. As long as it stays the same, nothing that the index refers to was overwritten.
fn head(dir: &Path) -> Result<Vec<u8>> {
    let path = Paths::new(dir.to_owned()).index;
    let fail = |e| Error::io("open", &path, e);
    if let Err(e) = std::fs::metadata(&path) {
        // Without an index the entries are known by their files alone.
        let by_files = e.kind() == NotFound && has_entries(dir)?;
        return if by_files { Ok(Vec::new()) } else { Err(fail(e)) };
    }
    let io = Disk::new().rooted(dir).map_err(fail)?;
    let file = io.open(&path, Open::Read).map_err(fail)?;
    let mut head = vec![0; file.len().map_err(fail)?.min(INDEX_HEAD) as usize];
    read_exact_at(&*file, 0, &mut head).map_err(fail)?;
    Ok(head)
}
