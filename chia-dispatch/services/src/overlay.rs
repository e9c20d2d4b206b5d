//! The store of a cache, with the stores that its reads fall through to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use chia_cache::{
    ByteSize, Entry, ErrorKind, Facts, Options, ReadOnlyStore, Replay, ReplayMiss, Result, Store,
    overlay,
};

use crate::warnings;

/// How long to wait for the owner of a base that is going away.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// A store and, where its directory is an overlay, its bases. Reads that the store cannot serve go to
/// the nearest base that can; everything else concerns the store alone. Cheap to clone; the clones share
/// the bases.
#[derive(Clone, Debug)]
pub struct OverlayStore {
    own: Store,
    bases: Arc<Bases>,
}

/// The bases, opened when they are first needed.
#[derive(Debug, Default)]
struct Bases {
    open: OnceLock<Vec<Base>>,
    /// One thread at a time opens them. True once a loop has attached.
    attached: Mutex<bool>,
}

/// A store that reads fall through to.
#[derive(Debug)]
enum Base {
    /// Reads count as use.
    Owned(Store),
    /// Another process owns it; reads do not count.
    Watched(ReadOnlyStore),
}

impl OverlayStore {
    /// The store of a directory. Its bases are opened by [`attach`](Self::attach), or when a read needs
    /// them.
    pub fn new(own: Store) -> Self {
        Self { own, bases: Arc::default() }
    }

    /// The store of the directory itself: for writes, and for what concerns it alone.
    pub fn own(&self) -> &Store {
        &self.own
    }

    /// Makes sure that the bases can be read, for a loop that wants `base` to be the nearest; without
    /// a wish the directory stays what it is. The first loop may make an overlay of the directory.
    ///
    /// # Errors
    /// [`ErrorKind::Cache`](chia_dispatch::ErrorKind::Cache) when a base cannot be opened or is, through
    /// its own bases, the directory itself; and when the directory is an overlay of another base.
    pub fn attach(&self, base: Option<&Path>) -> chia_dispatch::Result<()> {
        let refused = |why| chia_dispatch::Error::new(chia_dispatch::ErrorKind::Cache, why);
        self.try_attach(base).map_err(refused)
    }

    fn try_attach(&self, base: Option<&Path>) -> Result<(), String> {
        let text = |error: chia_cache::Error| error.to_string();
        let mut attached = self.bases.lock();
        let recorded = overlay::base(self.own.dir()).map_err(text)?;
        if let Some(wanted) = base {
            match &recorded {
                Some(recorded) if same(recorded, wanted) => {}
                // A base that has been moved gets a new name.
                recorded if !*attached && recorded.as_deref().is_none_or(is_gone) => {
                    overlay::bases(self.own.dir(), wanted).map_err(text)?;
                    overlay::record(self.own.dir(), wanted).map_err(text)?;
                }
                _ => return Err(self.differs(recorded, wanted)),
            }
        }
        self.open_bases().map_err(text)?;
        *attached = true;
        Ok(())
    }

    fn differs(&self, recorded: Option<PathBuf>, wanted: &Path) -> String {
        let dir = self.own.dir().display();
        let is = recorded.map_or("running without a base".to_owned(), |base| {
            format!("an overlay of {}", base.display())
        });
        format!(
            "the cache in {dir} is {is}, this loop asks for the base {}: give the overlay another \
             directory",
            wanted.display()
        )
    }

    /// The bases, the nearest first. Bases that are gone are looked for again at the next call.
    fn bases(&self) -> Result<&[Base]> {
        if let Some(bases) = self.bases.open.get() {
            return Ok(bases);
        }
        let _alone = self.bases.lock();
        self.open_bases()
    }

    /// Opens the bases, unless they are open. The caller holds the lock.
    fn open_bases(&self) -> Result<&[Base]> {
        if let Some(bases) = self.bases.open.get() {
            return Ok(bases);
        }
        let dir = self.own.dir();
        let dirs = match overlay::base(dir)? {
            Some(base) => overlay::bases(dir, base)?,
            None => Vec::new(),
        };
        let opened = dirs.iter().map(|dir| Base::open(dir)).collect::<Result<_>>()?;
        Ok(self.bases.open.get_or_init(|| opened))
    }

    /// As [`Store::read`], in the bases too.
    ///
    /// # Errors
    /// As [`Store::read`]; and when a base cannot be opened.
    pub fn read(&self, tag: &str) -> Result<Option<Entry>> {
        if let Some(entry) = self.own.read(tag)? {
            return Ok(Some(entry));
        }
        self.first(|base| base.read(tag))
    }

    /// As [`Store::replay`]. A replacement in the overlay does not hide a computed result of a base.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn replay(&self, tag: &str, function: &str) -> Result<Replay> {
        let miss = match self.own.replay(tag, function)? {
            Replay::Miss(miss @ (ReplayMiss::Absent | ReplayMiss::Replacement { .. })) => miss,
            answer => return Ok(answer),
        };
        let found = self.first(|base| base.replay(tag, function))?;
        Ok(found.unwrap_or(Replay::Miss(miss)))
    }

    /// As [`Store::has`], in the bases too.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn has(&self, tag: &str) -> Result<bool> {
        Ok(self.own.has(tag)? || self.first(|base| base.facts(tag))?.is_some())
    }

    /// As [`Store::facts`], in the bases too.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn facts(&self, tag: &str) -> Result<Option<Facts>> {
        match self.own.facts(tag)? {
            Some(facts) => Ok(Some(facts)),
            None => self.first(|base| base.facts(tag)),
        }
    }

    /// The tags that can be read, sorted: those of the bases are among them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn keys(&self) -> Result<Vec<String>> {
        let mut keys = self.own.keys()?;
        for base in self.bases()? {
            keys.extend(base.keys()?);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// How many tags can be read.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn count(&self) -> Result<u64> {
        if self.bases()?.is_empty() {
            return Ok(self.own.stats().entries);
        }
        self.keys().map(|keys| keys.len() as u64)
    }

    /// The answer of the nearest base that has one.
    fn first<T>(&self, ask: impl Fn(&Base) -> Result<Option<T>>) -> Result<Option<T>> {
        for base in self.bases()? {
            if let Some(answer) = ask(base)? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }
}

impl From<Store> for OverlayStore {
    fn from(own: Store) -> Self {
        Self::new(own)
    }
}

impl Bases {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base {
    /// Owns the store, so that reads count, unless another process does. Its budget is the affair of its
    /// own loops: nothing is evicted.
    fn open(dir: &Path) -> Result<Self> {
        let options = Options::new(ByteSize::new(u64::MAX)).lock_wait(LOCK_WAIT);
        match Store::open(dir, options) {
            Ok(store) => Ok(Self::Owned(store)),
            Err(error) => match error.kind() {
                ErrorKind::Locked { holder } => Self::watch(dir, holder),
                _ => Err(error),
            },
        }
    }

    fn watch(dir: &Path, holder: &str) -> Result<Self> {
        warnings::report(false, || {
            let dir = dir.display();
            tracing::warn!(
                "the base {dir} is in use by {holder}: what it holds now is served to the overlay, and \
                 does not count as used"
            );
        });
        Store::open_read_only(dir).map(Self::Watched)
    }

    fn read(&self, tag: &str) -> Result<Option<Entry>> {
        match self {
            Self::Owned(store) => store.read(tag),
            Self::Watched(store) => store.read(tag),
        }
    }

    /// The entry, if a replay of the function may serve it.
    fn replay(&self, tag: &str, function: &str) -> Result<Option<Replay>> {
        let found = match self {
            Self::Owned(store) => store.replay(tag, function)?,
            Self::Watched(store) => store.replay(tag, function)?,
        };
        Ok(Some(found).filter(|found| matches!(found, Replay::Hit(_))))
    }

    fn facts(&self, tag: &str) -> Result<Option<Facts>> {
        match self {
            Self::Owned(store) => store.facts(tag),
            Self::Watched(store) => store.facts(tag),
        }
    }

    fn keys(&self) -> Result<Vec<String>> {
        match self {
            Self::Owned(store) => store.keys(),
            Self::Watched(store) => store.keys(),
        }
    }
}

/// Whether both paths are one directory.
pub(crate) fn same(a: &Path, b: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    canonical(a) == canonical(b)
}

fn is_gone(dir: &Path) -> bool {
    matches!(dir.try_exists(), Ok(false))
}
