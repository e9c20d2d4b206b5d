//! Opening a directory: the index, what the log adds to it, and what the directory really holds.

mod reconcile;
mod replay;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::EvictionCursor;
use crate::index::{Index, IndexError, Totals, is_damage, to_io};
use crate::io::Io;
use crate::live::LiveView;
use crate::log::commit::GroupCommit;
use crate::log::{self, Log, OldLog};
use crate::memtable::Memtable;
use crate::options::Options;
use crate::owner::Owner;
use crate::quarantine;
use crate::report::{OpenReport, Quarantined};
use crate::stats::Counters;
use crate::store::inner::{IndexState, Inner, Paths, Tuning, Wake, Writer};
use crate::sync::lock;
use crate::unlink::UnlinkQueue;

/// Opens the store at `paths`; gives it with the report.
pub(crate) fn open(
    io: Arc<dyn Io>,
    paths: Paths,
    options: Options,
    tuning: Tuning,
) -> Result<(Inner, OpenReport)> {
    make_dirs(&*io, &paths)?;
    let owner = Owner::take(&*io, &paths.lock, options.lock_wait)?;
    let mut report = OpenReport::default();
    let (index, totals, lost) = open_index(&*io, &paths, &mut report)?;
    let old = old_logs(&*io, &paths, (!lost).then_some(totals.epoch))?;
    let newest = old.iter().map(|log| log.epoch).max().unwrap_or(0).max(totals.epoch);
    let writer_log = Log::open(&*io, &paths.private, newest + 1)
        .map_err(|e| Error::io("open the log in", &paths.private, e))?;
    io.sync_dir(&paths.private).map_err(|e| Error::io("sync", &paths.private, e))?;
    let index_error = |e| index_failure(&paths, e);
    let base = index.snapshot().map_err(index_error)?;
    let inner = Inner {
        id: totals.store,
        budget: AtomicU64::new(options.budget.bytes()),
        closed: AtomicBool::new(false),
        writer: Mutex::new(Writer {
            log: writer_log,
            cursor: EvictionCursor::default(),
            unsynced: Vec::new(),
        }),
        live: Mutex::new(LiveView::new(base, totals.entries, totals.bytes)),
        index: Mutex::new(IndexState {
            index: Some(index),
            totals: Totals { epoch: newest, ..totals },
        }),
        file_sync: Mutex::new(()),
        commits: GroupCommit::default(),
        unlinks: UnlinkQueue::default(),
        unlinked: AtomicBool::new(false),
        next_generation: AtomicU64::new(totals.next_generation.max(1)),
        next_staged: AtomicU64::new(0),
        counters: Counters::default(),
        wake: Wake::default(),
        owner: Mutex::new(Some(owner)),
        io,
        paths,
        options,
        tuning,
    };
    let recovery = Recovery {
        inner: &inner,
        report: &mut report,
        lost_index: lost,
        crashed: false,
        given_up: HashSet::new(),
    };
    recovery.run(&old, totals.stopped)?;
    Ok((inner, report))
}

fn make_dirs(io: &dyn Io, paths: &Paths) -> Result<()> {
    match io.metadata(&paths.dir) {
        Ok(found) if !found.is_dir => {
            return Err(Error::new(ErrorKind::NotADirectory, "open", &paths.dir));
        }
        _ => {}
    }
    for dir in [&paths.dir, &paths.private, &paths.staging, &paths.quarantine] {
        io.create_dir(dir).map_err(|e| Error::io("create", dir, e))?;
    }
    // Their names must be as durable as what is put into them.
    if let Some(parent) = paths.dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let _ = io.sync_dir(parent);
    }
    io.sync_dir(&paths.dir).map_err(|e| Error::io("sync", &paths.dir, e))
}

fn index_failure(paths: &Paths, error: IndexError) -> Error {
    match is_damage(&error) {
        true => Error::corrupt("open", &paths.index, error),
        false => Error::io("open", &paths.index, to_io(error)),
    }
}

/// Opens the index, or sets it aside and starts a new one. The flag says whether one was lost.
fn open_index(
    io: &dyn Io,
    paths: &Paths,
    report: &mut OpenReport,
) -> Result<(Index, Totals, bool)> {
    match try_index(io, paths) {
        Ok((index, totals)) => Ok((index, totals, false)),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the index is put into quarantine; files are adopted again"
            );
            let why = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            let name = quarantine::keep(io, paths, &paths.index, "index.redb")?;
            report.quarantined.push(Quarantined { name, why });
            let (index, totals) = try_index(io, paths)?;
            Ok((index, totals, true))
        }
        Err(error) => Err(error),
    }
}

fn try_index(io: &dyn Io, paths: &Paths) -> Result<(Index, Totals)> {
    let index = Index::open(io, &paths.index).map_err(|e| index_failure(paths, e))?;
    match index.totals().map_err(|e| index_failure(paths, e))? {
        Some((format, _)) if format > crate::FORMAT_VERSION => {
            Err(Error::new(ErrorKind::Version { found: format }, "open", &paths.dir))
        }
        Some((1, mut totals)) => {
            index.migrate(&mut totals).map_err(|e| index_failure(paths, e))?;
            Ok((index, totals))
        }
        Some((_, totals)) => Ok((index, totals)),
        None => {
            let mut totals = Totals { store: random(), ..Totals::default() };
            index.checkpoint(&Memtable::new(), &mut totals).map_err(|e| index_failure(paths, e))?;
            Ok((index, totals))
        }
    }
}

/// A number that no other store has.
fn random() -> u64 {
    #[cfg(test)]
    if let Some(random) = crate::io::sim::random() {
        return random;
    }
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(crate::meta::now())
}

/// The logs that the index has not caught up with, oldest first.
fn old_logs(io: &dyn Io, paths: &Paths, after: Option<u64>) -> Result<Vec<OldLog>> {
    let mut logs = Vec::new();
    for slot in [0, 1] {
        let path = log::path(&paths.private, slot);
        logs.extend(OldLog::read(io, &path, after).map_err(|e| Error::io("read", &path, e))?);
    }
    logs.sort_by_key(|log| log.epoch);
    Ok(logs)
}

struct Recovery<'a> {
    inner: &'a Inner,
    report: &'a mut OpenReport,
    lost_index: bool,
    /// The last owner did not stop cleanly, and there is an index that tells what it had.
    crashed: bool,
    /// Files that the replayed logs gave up.
    given_up: HashSet<String>,
}

impl Recovery<'_> {
    fn run(mut self, logs: &[OldLog], stopped: u64) -> Result<()> {
        for log in logs {
            self.replay(log)?;
        }
        self.crashed = !self.lost_index && (stopped == 0 || self.report.replayed > 0);
        let untouched = stopped != 0 && self.inner.dir_time()? == stopped;
        self.report.clean = untouched && self.report.replayed == 0 && !self.lost_index;
        // A writer that was killed before its first record leaves no other trace than its staged.
        self.sweep_staged()?;
        if !self.report.clean {
            self.checkpoint()?;
            self.reconcile()?;
            self.checkpoint()?;
        }
        self.report.evicted = self.inner.shrink()?;
        self.report.entries = lock(&self.inner.live).entries;
        Ok(())
    }

    /// Puts everything into the index, so that the logs start empty: what a torn log still holds
    /// beyond its tear can then never be read again.
    fn checkpoint(&mut self) -> Result<()> {
        self.inner.upkeep(true)
    }

    fn sweep_staged(&mut self) -> Result<()> {
        let (io, dir) = (&*self.inner.io, &self.inner.paths.staging);
        let mut names = Vec::new();
        io.list(dir, &mut |name| names.push(name.to_owned()))
            .map_err(|e| Error::io("list", dir, e))?;
        for name in names {
            let path = dir.join(name);
            io.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
            self.report.leftovers += 1;
        }
        Ok(())
    }
}
