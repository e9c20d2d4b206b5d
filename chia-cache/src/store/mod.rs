//! The store as its users see it.

mod adopt;
mod checkpoint;
mod commit;
#[cfg(test)]
mod crashes;
mod entries;
mod evict;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod full;
pub(crate) mod inner;
pub(crate) mod lookup;
#[cfg(test)]
mod order;
mod pin;
pub(crate) mod read;
mod reserve;
pub(crate) mod upkeep;
mod write;

pub(crate) use adopt::is_no_file;
pub use entries::Entries;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use crate::error::{Error, Result};
use crate::facts::{Entry, Facts, NewEntry, Replay, Written};
use crate::io::{Disk, Io};
use crate::options::{Durability, Options};
use crate::paths::Paths;
use crate::report::OpenReport;
use crate::stats::Stats;
use crate::sync::lock;
use crate::{ByteSize, Policy, recovery};
use inner::{Inner, Tuning};

/// A store of values under tags, in a directory, within a budget of bytes.
///
/// It is a handle: clones share one store, from any thread. Operations block, and a reader never
/// waits for a writer's disk. When the last clone is dropped the store stops cleanly; [`close`](Self::close)
/// does the same and tells how it went.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

/// A handle that does not keep its store open, from [`Store::downgrade`].
#[derive(Clone, Debug)]
pub struct WeakStore(Weak<Shared>);

impl WeakStore {
    /// The store, unless its last handle was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Store> {
        self.0.upgrade().map(|shared| Store { shared })
    }

    /// Whether the last handle of the store was dropped.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

#[derive(Debug)]
struct Shared {
    inner: Arc<Inner>,
    report: OpenReport,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Dropping it ends the syncing thread.
    end_sync: Mutex<Option<mpsc::Sender<()>>>,
}

impl Store {
    /// Opens the store in `dir`, which is created if it is missing. One store at a time may have a
    /// directory open; another opener waits for [`Options::lock_wait`].
    ///
    /// # Errors
    /// When the directory cannot be created, read or written, is held by another process, or was
    /// written by a later version. Damage is no error: it is put into quarantine, see
    /// [`open_report`](Self::open_report).
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_with(Arc::new(Disk::new()), dir.as_ref(), options, Tuning::default())
    }

    pub(crate) fn open_with(
        io: Arc<dyn Io>,
        dir: &Path,
        options: Options,
        tuning: Tuning,
    ) -> Result<Self> {
        let dir = std::path::absolute(dir).map_err(|e| Error::io("open", dir, e))?;
        let (inner, report) = recovery::open(&*io, Paths::new(dir), options, tuning)?;
        let shared = Shared {
            inner: Arc::new(inner),
            report,
            threads: Mutex::default(),
            end_sync: Mutex::default(),
        };
        if tuning.threads {
            shared.start_threads()?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What opening the directory found.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.shared.report
    }

    /// Stores `value` under `tag`, evicting what the [`policy`](Self::policy) says if room is needed. When
    /// it returns, the value is as safe as the store's [`Durability`] says.
    ///
    /// # Errors
    /// When the disk fails or is full, pinned entries leave no room, or the tag is longer than [`MAX_TAG_LEN`](crate::MAX_TAG_LEN).
    /// The tag then has its old value or the new one.
    pub fn write(&self, tag: &str, value: impl AsRef<[u8]>, entry: &NewEntry) -> Result<Written> {
        self.inner().write(tag, value.as_ref(), entry)
    }

    /// Like [`write`](Self::write), with a value of any size from a reader, a piece at a time.
    ///
    /// # Errors
    /// As [`write`](Self::write), and when the reader fails; then nothing has changed.
    pub fn write_from(
        &self,
        tag: &str,
        reader: &mut dyn Read,
        entry: &NewEntry,
    ) -> Result<Written> {
        self.inner().write_from(tag, reader, entry)
    }

    /// The value under `tag`, checked, with its facts. Makes the entry the most recently used one. A
    /// damaged entry is put into quarantine and is a miss.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read(&self, tag: &str) -> Result<Option<Entry>> {
        self.inner().read(tag)
    }

    /// Like [`read`](Self::read), but hands the value to `writer` a piece at a time, so that a value
    /// of any size passes in little memory. The value is whole only if this returns `Ok(Some(_))`.
    ///
    /// # Errors
    /// When the disk or the writer fails, or the value turns out to be damaged on the way.
    pub fn read_into(&self, tag: &str, writer: &mut dyn Write) -> Result<Option<Facts>> {
        self.inner().read_into(tag, writer)
    }

    /// The value that `function` itself once gave for `tag`, or why there is none. Serves real and
    /// manual entries of the same function only, or of none, such as a pickle found in the directory.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn replay(&self, tag: &str, function: &str) -> Result<Replay> {
        self.inner().replay(tag, function, &|_| true)
    }

    /// Like [`replay`](Self::replay), if `check` accepts the entry's facts. Facts and value are of one
    /// entry, also while others write. A refused value is not read, and its entry is not refreshed.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn replay_if(
        &self,
        tag: &str,
        function: &str,
        check: impl Fn(&Facts) -> bool,
    ) -> Result<Replay> {
        self.inner().replay(tag, function, &check)
    }

    /// Whether there is an entry under `tag`. Does not refresh it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn has(&self, tag: &str) -> Result<bool> {
        self.inner().has(tag)
    }

    /// What is known of the entry under `tag`. Does not refresh it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn facts(&self, tag: &str) -> Result<Option<Facts>> {
        self.inner().facts(tag)
    }

    /// Removes the entry under `tag`; false if there was none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn evict(&self, tag: &str) -> Result<bool> {
        self.inner().evict(tag)
    }

    /// Removes every entry and gives how many there were.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn clear(&self) -> Result<u64> {
        self.inner().clear()
    }

    /// Goes through the entries in order of their tags, in little memory and without holding others up.
    ///
    /// ```
    /// use chia_cache::{ByteSize, NewEntry, Options, Origin, Store};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let store = Store::open(dir.path(), Options::new("1 GB".parse::<ByteSize>()?))?;
    /// store.write("iter0/build", "value", &NewEntry::new(Origin::Real))?;
    /// store.write("iter1/build", "value", &NewEntry::new(Origin::Real))?;
    /// let tags = store.entries().prefix("iter1/").map(|facts| facts.map(|facts| facts.tag));
    /// assert_eq!(tags.collect::<Result<Vec<_>, _>>()?, ["iter1/build"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(self)
    }

    /// Pins the entry under `tag`: it is never evicted to make room. False if there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn pin(&self, tag: &str) -> Result<bool> {
        self.inner().set_pinned(tag, true)
    }

    /// Takes back a [`pin`](Self::pin); false if there is no entry.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn unpin(&self, tag: &str) -> Result<bool> {
        self.inner().set_pinned(tag, false)
    }

    /// The tags of all entries, sorted. All are in memory at once; [`entries`](Self::entries) is for many.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keys(&self) -> Result<Vec<String>> {
        self.inner().keys()
    }

    /// The logical bytes held: values and tags.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        lock(&self.inner().live).bytes
    }

    /// The state and the counters since the store was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner().stats()
    }

    /// Changes the budget, evicting what no longer fits.
    ///
    /// # Errors
    /// When more than a tenth of the entries would go and [`Options::allow_shrink`] is not set, when
    /// pinned entries do not fit, or when the disk fails.
    pub fn set_budget(&self, budget: ByteSize) -> Result<()> {
        self.inner().resize(budget.bytes(), self.inner().options.allow_shrink).map(drop)
    }

    /// Like [`set_budget`](Self::set_budget), but `allow_shrink` decides whether more than a tenth of the
    /// entries may be evicted, instead of the option of that name. Returns how many were evicted.
    ///
    /// # Errors
    /// When more than a tenth of the entries would go and `allow_shrink` is false, when pinned entries do
    /// not fit, or when the disk fails.
    pub fn resize(&self, budget: ByteSize, allow_shrink: bool) -> Result<u64> {
        self.inner().resize(budget.bytes(), allow_shrink)
    }

    /// A handle that does not keep the store open.
    #[must_use]
    pub fn downgrade(&self) -> WeakStore {
        WeakStore(Arc::downgrade(&self.shared))
    }

    /// The budget for [`size_bytes`](Self::size_bytes).
    #[must_use]
    pub fn budget(&self) -> ByteSize {
        ByteSize::new(self.inner().budget())
    }

    /// Which entries leave first when room is needed.
    #[must_use]
    pub fn policy(&self) -> Policy {
        lock(&self.inner().live).ranks.policy
    }

    /// The directory, as an absolute path.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner().paths.dir
    }

    /// When writes are acknowledged.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.inner().options.durability
    }

    /// Writes every entry to the directory `dir` as the Python original keeps it: a file `*.pkl` with a
    /// pickle of `(tag, value)`. A value that is no pickle becomes a `bytes` object. Gives how many
    /// entries were written. Recency does not change.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn export(&self, dir: impl AsRef<Path>) -> Result<u64> {
        self.inner().export(dir.as_ref())
    }

    /// Stops the store cleanly, so that it opens at once next time. Clones of this handle fail from
    /// then on. A second call does nothing.
    ///
    /// # Errors
    /// When the disk fails. Nothing acknowledged is lost: the next opening recovers it.
    pub fn close(self) -> Result<()> {
        self.shared.stop()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.shared.inner
    }
}

impl Inner {
    fn has(&self, tag: &str) -> Result<bool> {
        self.check_open()?;
        Ok(self.find(tag, false)?.is_some_and(|found| !found.meta.is_expired()))
    }

    fn stats(&self) -> Stats {
        let (entries, bytes, policy) = {
            let live = lock(&self.live);
            (live.entries, live.bytes, live.ranks.policy)
        };
        let (unlink_backlog_files, unlink_backlog_bytes) = self.unlinks.backlog();
        let counters = &self.counters;
        Stats {
            entries,
            bytes,
            budget: self.budget(),
            hits: counters.hits.get(),
            misses: counters.misses.get(),
            writes: counters.writes.get(),
            refreshed: counters.refreshed.get(),
            kept_real: counters.kept_real.get(),
            too_large: counters.too_large.get(),
            evictions: counters.evictions.get(),
            quarantined: counters.quarantined.get(),
            collisions: counters.collisions.get(),
            unlink_backlog_files,
            unlink_backlog_bytes,
            in_flight_bytes: counters.in_flight_bytes.get(),
            index_bytes: self.index_bytes(),
            policy,
        }
    }

    fn index_bytes(&self) -> u64 {
        let private = &self.paths.private;
        let parts: [PathBuf; 3] =
            [self.paths.index.clone(), crate::log::path(private, 0), crate::log::path(private, 1)];
        parts.iter().filter_map(|path| Some(self.io.metadata(path).ok()?.len)).sum()
    }
}

impl Shared {
    fn start_threads(&self) -> Result<()> {
        let fail = |e| Error::io("start a thread for", &self.inner.paths.dir, e);
        let inner = Arc::clone(&self.inner);
        let upkeep = std::thread::Builder::new().name("chia-cache-checkpoint".into());
        lock(&self.threads).push(upkeep.spawn(move || inner.run_upkeep()).map_err(fail)?);
        if self.inner.is_durable() {
            return Ok(());
        }
        let (sender, ends) = mpsc::channel();
        let inner = Arc::clone(&self.inner);
        let run = move || {
            while ends.recv_timeout(upkeep::SYNC_EVERY) == Err(RecvTimeoutError::Timeout) {
                inner.sync_if_needed();
            }
        };
        let sync = std::thread::Builder::new().name("chia-cache-sync".into());
        lock(&self.threads).push(sync.spawn(run).map_err(fail)?);
        *lock(&self.end_sync) = Some(sender);
        Ok(())
    }

    fn stop(&self) -> Result<()> {
        if !self.inner.begin_close() {
            return Ok(());
        }
        self.inner.wake.ring();
        lock(&self.end_sync).take();
        for thread in lock(&self.threads).drain(..) {
            // A panic there has been reported, and everything acknowledged is in the log.
            let _ = thread.join();
        }
        self.inner.finish_close()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A forked child has neither the threads nor the right to stop the store.
        if self.inner.options.read_only {
            return;
        }
        let forked = lock(&self.inner.owner).as_ref().is_some_and(|owner| !owner.is_this_process());
        if !forked && let Err(error) = self.stop() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the cache did not stop cleanly"
            );
        }
    }
}
