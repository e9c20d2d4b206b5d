//! Opening a directory: the index, what the log adds to it, and what the directory really holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::files;
use crate::index::{Index, IndexError, Totals, is_damage, to_io};
use crate::io::{Io, Open};
use crate::layer::{Layer, Slot};
use crate::lock;
use crate::log::gate::Gate;
use crate::log::record::{Op, Record};
use crate::log::{self, Log, OldLog};
use crate::meta::{Meta, Place};
use crate::options::Options;
use crate::owner::Owner;
use crate::report::{OpenReport, SetAside};
use crate::set_aside;
use crate::stats::Counters;
use crate::store::inner::{IndexState, Inner, Paths, Tuning, Wake, Writer};
use crate::table::Table;
use crate::unlink::UnlinkQueue;
use crate::victims::Victims;

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
        budget: AtomicU64::new(options.budget.bytes()),
        closed: AtomicBool::new(false),
        writer: Mutex::new(Writer {
            log: writer_log,
            victims: Victims::default(),
            unsynced: Vec::new(),
        }),
        table: Mutex::new(Table::new(base, totals.entries, totals.bytes)),
        index: Mutex::new(IndexState {
            index: Some(index),
            totals: Totals { epoch: newest, ..totals },
        }),
        file_sync: Mutex::new(()),
        gate: Gate::default(),
        unlinks: UnlinkQueue::default(),
        next_generation: AtomicU64::new(totals.next_generation.max(1)),
        next_draft: AtomicU64::new(0),
        counters: Counters::default(),
        wake: Wake::default(),
        owner: Mutex::new(Some(owner)),
        io,
        paths,
        options,
        tuning,
    };
    Recovery { inner: &inner, report: &mut report, lost_index: lost }.run(&old, totals.stopped)?;
    Ok((inner, report))
}

fn make_dirs(io: &dyn Io, paths: &Paths) -> Result<()> {
    match io.metadata(&paths.dir) {
        Ok(found) if !found.is_dir => {
            return Err(Error::new(ErrorKind::NotADirectory, "open", &paths.dir));
        }
        _ => {}
    }
    for dir in [&paths.dir, &paths.private, &paths.drafts, &paths.set_aside] {
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
                "the index is set aside; files are adopted again"
            );
            let why = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            let name = set_aside::keep(io, paths, &paths.index, "index.redb")?;
            report.set_aside.push(SetAside { name, why });
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
        Some((_, totals)) => Ok((index, totals)),
        None => {
            let mut totals = Totals::default();
            index.fold(&Layer::new(), &mut totals).map_err(|e| index_failure(paths, e))?;
            Ok((index, totals))
        }
    }
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
}

impl Recovery<'_> {
    fn run(mut self, logs: &[OldLog], stopped: u64) -> Result<()> {
        for log in logs {
            self.replay(log)?;
        }
        let untouched = stopped != 0 && self.inner.dir_time()? == stopped;
        self.report.clean = untouched && self.report.replayed == 0 && !self.lost_index;
        // A writer that was killed before its first record leaves no other trace than its draft.
        self.sweep_drafts()?;
        if !self.report.clean {
            self.fold()?;
            self.reconcile()?;
            self.fold()?;
        }
        self.report.evicted = self.inner.shrink()?;
        self.report.entries = lock(&self.inner.table).entries;
        Ok(())
    }

    /// Puts everything into the index, so that the logs start empty: what a torn log still holds
    /// beyond its tear can then never be read again.
    fn fold(&mut self) -> Result<()> {
        self.inner.upkeep(true)
    }

    fn replay(&mut self, log: &OldLog) -> Result<()> {
        let mut synced_before = 0;
        log.replay::<Error>(|_, record| {
            for op in record.ops {
                if let Op::FilesSynced { before } = op {
                    synced_before = synced_before.max(before);
                }
            }
            Ok(())
        })?;
        log.replay(|begin, record| {
            self.report.replayed += 1;
            self.apply(record, begin < synced_before)
        })
    }

    fn apply(&mut self, record: Record<'_>, files_synced: bool) -> Result<()> {
        for op in record.ops {
            match op {
                Op::Put { tag, meta } => self.put(tag, meta, record.value, files_synced)?,
                Op::Remove { tag } => {
                    if let Some(old) = self.inner.find(&tag, false)? {
                        lock(&self.inner.table).remove(tag.into(), &old.meta);
                    }
                }
                Op::Touch { tag, at } => {
                    if let Some(found) = self.inner.find(&tag, false)? {
                        lock(&self.inner.table).touch(&tag, &found.meta, found.turn, at);
                    }
                }
                Op::Clear => lock(&self.inner.table).clear(),
                Op::FilesSynced { .. } => {}
            }
        }
        Ok(())
    }

    fn put(&mut self, tag: String, meta: Meta, value: &[u8], files_synced: bool) -> Result<()> {
        if let Place::File { generation, synced } = meta.place {
            self.inner.next_generation.fetch_max(generation + 1, Ordering::AcqRel);
            // A power loss may have cut the file off or taken its name; then the older entry stands.
            if !synced && !files_synced && !self.is_whole(&tag, &meta) {
                self.report.lost.push(tag);
                return Ok(());
            }
        }
        let value = meta.is_inline().then(|| Bytes::copy_from_slice(value));
        let old = self.inner.find(&tag, false)?;
        let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value };
        lock(&self.inner.table).put(tag.into(), slot, old.as_ref().map(|old| &*old.meta));
        Ok(())
    }

    fn is_whole(&self, tag: &str, meta: &Meta) -> bool {
        let Some(name) = files::name(tag, meta) else {
            return false;
        };
        match self.inner.io.open(&self.inner.paths.dir.join(name), Open::Read) {
            Ok(file) => files::copy(&*file, meta, &mut std::io::sink()).is_ok(),
            Err(_) => false,
        }
    }

    fn sweep_drafts(&mut self) -> Result<()> {
        let (io, dir) = (&*self.inner.io, &self.inner.paths.drafts);
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

    /// Brings index and directory together: drops entries whose file is gone, and adopts or removes
    /// files that have no entry. One listing; files with an entry are not opened.
    fn reconcile(&mut self) -> Result<()> {
        let inner = self.inner;
        let base = Arc::clone(&lock(&inner.table).base);
        let read = |e| inner.index_error("read", e);
        let mut strangers = Vec::new();
        let mut known = 0;
        let mut failed = None;
        let each = &mut |name: &str| match base.has_file(name) {
            Ok(true) => known += 1,
            Ok(false) => strangers.push(name.to_owned()),
            Err(e) => failed = Some(e),
        };
        inner
            .io
            .list(&inner.paths.dir, each)
            .map_err(|e| Error::io("list", &inner.paths.dir, e))?;
        if let Some(e) = failed {
            return Err(read(e));
        }
        if known < base.file_count().map_err(read)? {
            self.drop_lost()?;
        }
        self.settle(strangers)
    }

    fn drop_lost(&mut self) -> Result<()> {
        let inner = self.inner;
        let base = Arc::clone(&lock(&inner.table).base);
        let mut missing = HashMap::new();
        base.files(|name, tag| {
            missing.insert(name.to_owned(), tag.to_owned());
        })
        .map_err(|e| inner.index_error("read", e))?;
        inner
            .io
            .list(&inner.paths.dir, &mut |name| drop(missing.remove(name)))
            .map_err(|e| Error::io("list", &inner.paths.dir, e))?;
        for tag in missing.into_values() {
            if let Some(found) = inner.find(&tag, false)? {
                inner.commit_remove(
                    &mut lock(&inner.writer),
                    vec![(tag.as_str().into(), found.meta)],
                    false,
                )?;
                self.report.lost.push(tag);
            }
        }
        Ok(())
    }

    /// Files of ours without an entry: after the loss of the index they are adopted, the newest of a
    /// tag; else their entry was evicted or never acknowledged, and they are removed.
    fn settle(&mut self, mut strangers: Vec<String>) -> Result<()> {
        let inner = self.inner;
        strangers.retain(|name| files::generation(name).is_some());
        strangers.sort_by_key(|name| std::cmp::Reverse(files::generation(name)));
        let mut adopted = Vec::new();
        for name in strangers {
            let generation = files::generation(&name).unwrap_or_default();
            inner.next_generation.fetch_max(generation + 1, Ordering::AcqRel);
            let path = inner.paths.dir.join(&name);
            let entry = match self.lost_index {
                true => files::read_trailer(&*inner.io, &path)
                    .map_err(|e| Error::io("read", &path, e))?,
                false => None,
            };
            match entry {
                Some((tag, meta))
                    if files::name(&tag, &meta).as_ref() == Some(&name)
                        && inner.find(&tag, false)?.is_none() =>
                {
                    adopted.push((tag, meta));
                }
                _ => {
                    inner.io.remove(&path).map_err(|e| Error::io("remove", &path, e))?;
                    self.report.leftovers += 1;
                }
            }
        }
        // Newest first so far, and only the first of a tag counts; the LRU order is oldest first.
        let mut seen = std::collections::HashSet::new();
        adopted.retain(|(tag, _)| seen.insert(tag.clone()));
        adopted.sort_by_key(|(_, meta)| meta.created);
        for (tag, meta) in adopted {
            self.report.adopted += 1;
            let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value: None };
            lock(&inner.table).put(tag.into(), slot, None);
        }
        Ok(())
    }
}
