//! Opening a directory: the index, what the log adds to it, and what the directory really holds.

mod index;
mod look;
mod reconcile;
mod replay;
mod salvage;
mod segments;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::EvictionCursor;
use crate::index::Totals;
use crate::io::{Io, Open};
use crate::live::LiveView;
use crate::log::commit::GroupCommit;
use crate::log::segment::Segment;
use crate::log::{self, Log};
use crate::meta::Stamp;
use crate::options::Options;
use crate::owner::Owner;
use crate::paths::Paths;
use crate::quarantine::{Quarantine, clear_path};
use crate::report::{OpenReport, Quarantined};
use crate::stats::Counters;
use crate::store::inner::{IndexState, Inner, OPEN, Tuning, Wake, Writer};
use crate::sync::lock;
use crate::unlink::UnlinkQueue;
use index::Opened;
use segments::Segments;

/// Opens the store at `paths`; gives it with the report.
pub(crate) fn open(
    io: &dyn Io,
    paths: Paths,
    options: Options,
    tuning: Tuning,
) -> Result<(Inner, OpenReport)> {
    let io = io.rooted(&paths.dir).map_err(|e| {
        // A directory that is missing still was to be created.
        let step = if paths.dir.exists() { "open" } else { "create" };
        Error::io(step, &paths.dir, e)
    })?;
    let mut report = OpenReport::default();
    let error = match attempt(&io, &paths, &options, tuning, &mut report) {
        Ok(inner) => return Ok((inner, report)),
        Err(error) => error,
    };
    match error.kind() {
        // Some damage shows only when the index is changed. With the mark it is rebuilt from the start.
        ErrorKind::Corrupt => drop(io.open(&paths.rebuild, Open::Create).map_err(|_| error)?),
        // The space held back for a full disk is for this as well.
        ErrorKind::Full => io.remove(&paths.reserve).map_err(|_| error)?,
        _ => return Err(error),
    }
    let OpenReport { quarantined, leftovers, .. } = report;
    let mut report = OpenReport { quarantined, leftovers, ..OpenReport::default() };
    let inner = attempt(&io, &paths, &options, tuning, &mut report)?;
    Ok((inner, report))
}

fn attempt(
    io: &Arc<dyn Io>,
    paths: &Paths,
    options: &Options,
    tuning: Tuning,
    report: &mut OpenReport,
) -> Result<Inner> {
    make_dirs(&**io, paths)?;
    let quarantine = Quarantine::new(&**io, &paths.quarantine, options.budget.bytes());
    clear_paths(&quarantine, paths, report, &[&paths.lock])?;
    let owner = Owner::take(&**io, &paths.lock, options.lock_wait)?;
    let logs = [log::path(&paths.private, 0), log::path(&paths.private, 1)];
    clear_paths(&quarantine, paths, report, &[&paths.index, &logs[0], &logs[1]])?;
    let mut segments = Segments::find(&**io, &quarantine, &logs, report)?;
    let opened = index::open(&**io, paths, report, &segments, options.policy)?;
    let from = if opened.old.is_some() || opened.lost { None } else { Some(opened.totals.epoch) };
    let epoch = segments.next_epoch(opened.totals.epoch);
    segments.retain_newer(from);
    let (paths, options) = (paths.clone(), options.clone());
    let inner = build(Arc::clone(io), paths, options, tuning, owner, &opened, epoch)?;
    let stopped = opened.totals.stopped;
    let recovery = Recovery::new(&inner, report, &opened, segments.damaged);
    recovery.run(opened, &segments.list, stopped)?;
    Ok(inner)
}

fn build(
    io: Arc<dyn Io>,
    paths: Paths,
    options: Options,
    tuning: Tuning,
    owner: Owner,
    opened: &Opened,
    epoch: u64,
) -> Result<Inner> {
    let totals = opened.totals;
    let log = Log::open(&*io, &paths.private, totals.store, epoch)
        .map_err(|e| Error::io("open the log in", &paths.private, e))?;
    io.sync_dir(&paths.private).map_err(|e| Error::io("sync", &paths.private, e))?;
    let base = opened.index.snapshot().map_err(|e| index::failure(&paths, e))?;
    Ok(Inner {
        id: totals.store,
        nonce: log::random(),
        budget: AtomicU64::new(options.budget.bytes()),
        state: AtomicU8::new(OPEN),
        running: RwLock::new(()),
        writer: Mutex::new(Writer { log, cursor: EvictionCursor::default(), unsynced: Vec::new() }),
        live: Mutex::new(LiveView::new(base, &totals)),
        index: Mutex::new(IndexState { index: None, totals }),
        file_sync: Mutex::new(()),
        commits: GroupCommit::default(),
        log_bytes: AtomicU64::new(0),
        unlinks: UnlinkQueue::default(),
        failed_files: Mutex::default(),
        reserve_used: AtomicBool::new(false),
        damaged: AtomicBool::new(false),
        unlinked: AtomicBool::new(false),
        next_generation: AtomicU64::new(totals.next_generation.max(1)),
        in_flight: Mutex::new(BTreeSet::new()),
        next_staged: AtomicU64::new(0),
        counters: Counters::default(),
        wake: Wake::default(),
        owner: Mutex::new(Some(owner)),
        io,
        paths,
        options,
        tuning,
    })
}

fn make_dirs(io: &dyn Io, paths: &Paths) -> Result<()> {
    for dir in [&paths.private, &paths.staging, &paths.quarantine] {
        io.create_dir(dir).map_err(|e| Error::io("create", dir, e))?;
    }
    // Their names must be as durable as what is put into them.
    for dir in [&paths.private, &paths.dir] {
        io.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    }
    Ok(())
}

fn clear_paths(
    quarantine: &Quarantine<'_>,
    paths: &Paths,
    report: &mut OpenReport,
    files: &[&std::path::PathBuf],
) -> Result<()> {
    for path in files {
        if let Some(name) = clear_path(quarantine, path)? {
            tracing::warn!(dir = %paths.dir.display(), name, "what was in the place of a file of the cache is moved away");
            report
                .quarantined
                .push(Quarantined { name, why: "it is not a regular file".to_owned() });
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

struct Recovery<'a> {
    inner: &'a Inner,
    report: &'a mut OpenReport,
    /// The index, or a part of it, is gone.
    lost_index: bool,
    /// A part of the log is gone.
    lost_log: bool,
    /// The last owner stopped cleanly: what has no entry was put there by somebody else.
    clean_stop: bool,
    /// The next generation as of the last checkpoint. A file from here on was written after it, even if
    /// a power loss has left no record of that.
    next_generation: u64,
    /// No file below this generation was being written at the last checkpoint.
    settled: u64,
    /// Whether every row of the index is sound, once that was looked at.
    sound: Option<bool>,
    /// Files that the replayed log gave up.
    given_up: BTreeMap<String, Option<Stamp>>,
    /// Tags that it removed, and up to which generation.
    removed: BTreeMap<String, u64>,
    /// Everything older was cleared.
    cleared: u64,
    /// Tags whose newest value turned out not to be whole.
    lost: BTreeSet<String>,
}

impl<'a> Recovery<'a> {
    fn new(inner: &'a Inner, report: &'a mut OpenReport, opened: &Opened, lost_log: bool) -> Self {
        Self {
            inner,
            report,
            lost_index: opened.lost,
            lost_log,
            clean_stop: false,
            next_generation: opened.totals.next_generation,
            settled: opened.totals.settled,
            sound: None,
            given_up: BTreeMap::new(),
            removed: BTreeMap::new(),
            cleared: 0,
            lost: BTreeSet::new(),
        }
    }

    fn run(mut self, opened: Opened, segments: &[Segment], stopped: u64) -> Result<()> {
        let Opened { index, totals, old, damage, .. } = opened;
        *lock(&self.inner.index) = IndexState { index: Some(index), totals };
        if let Some(old) = old {
            self.salvage(&old)?;
        }
        for segment in segments {
            self.replay(segment)?;
        }
        if self.report.replayed > 0 {
            // A power loss must not leave less of the log than the index has, should the index be lost.
            segments.iter().try_for_each(Segment::sync)?;
        }
        self.remove_found()?;
        let lost = std::mem::take(&mut self.lost);
        self.report.lost.extend(lost);
        let sound = self.report.replayed == 0 && !self.lost_index && !self.lost_log;
        self.clean_stop = stopped != 0 && sound;
        self.report.clean = self.clean_stop && self.inner.dir_time()? == stopped;
        // What reconciling adds came without asking, and is no reason to refuse the budget.
        let held = if self.lost_index || self.lost_log { 0 } else { lock(&self.inner.live).bytes };
        // A writer that was killed before its first record leaves no other trace than its staged file.
        self.sweep_staged()?;
        if !self.report.clean {
            self.checkpoint()?;
            self.reconcile()?;
            self.checkpoint()?;
        }
        match damage {
            Some(why) => self.finish_rebuild(why)?,
            None if self.lost_index => drop(self.inner.io.remove(&self.inner.paths.rebuild)),
            None => {}
        }
        let allow = self.inner.options.allow_shrink;
        if let Err(error) = self.inner.check_shrink(self.inner.budget(), held, allow) {
            // Nothing has gone yet, and the next opening is clean.
            self.inner.begin_close();
            self.inner.finish_close()?;
            return Err(error);
        }
        if !self.inner.options.read_only {
            // On a full disk the store still opens, so that room can be made.
            let _ = self.inner.fill_reserve();
        }
        self.report.evicted = self.inner.shrink()?;
        self.report.entries = lock(&self.inner.live).entries;
        Ok(())
    }

    /// Removes, durably, files found in the directory that the log gave up, while the log still says so:
    /// without its record a later opening would take such a file for a new one.
    fn remove_found(&mut self) -> Result<()> {
        let found =
            self.given_up.iter().filter(|(name, stamp)| stamp.is_some() && self.is_given_up(name));
        let found: Vec<String> = found.map(|(name, _)| name.clone()).collect();
        if found.is_empty() {
            return Ok(());
        }
        found.iter().try_for_each(|name| self.sweep(name))?;
        let dir = &self.inner.paths.dir;
        self.inner.io.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))
    }

    /// Puts everything into the index, and makes durable what it relies on, so that the log starts empty.
    fn checkpoint(&mut self) -> Result<()> {
        self.inner.upkeep(true)
    }

    /// A checkpoint where a replay has taken much memory.
    fn bound_memory(&self) -> Result<()> {
        let inner = self.inner;
        let cost = lock(&inner.live).active.cost();
        if cost >= 2 * inner.tuning.checkpoint_at { inner.checkpoint_replay() } else { Ok(()) }
    }

    fn sweep_staged(&mut self) -> Result<()> {
        let (io, paths) = (&*self.inner.io, &self.inner.paths);
        for dir in [&paths.staging, &paths.staging_1] {
            let mut names = Vec::new();
            match io.list(dir, &mut |name| names.push(name.to_owned())) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                listed => listed.map_err(|e| Error::io("list", dir, e))?,
            }
            for name in names {
                let path = dir.join(name);
                io.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
                self.report.leftovers += 1;
            }
        }
        Ok(())
    }
}

/// The totals of a store that has nothing yet.
fn new_totals(store: u64) -> Totals {
    Totals { store, ..Totals::default() }
}
