//! Opening the index, or making a new one in the place of a damaged one.

use std::path::Path;
use std::sync::Arc;

use super::segments::Segments;
use super::{Recovery, new_totals};
use crate::Policy;
use crate::error::{Error, ErrorKind, Result};
use crate::files;
use crate::index::{Index, IndexError, Snapshot, Totals, is_damage, to_io};
use crate::io::{Io, Open};
use crate::log::random;
use crate::memtable::Memtable;
use crate::paths::Paths;
use crate::quarantine::Quarantine;
use crate::report::{OpenReport, Quarantined};

/// The index with what is known of its past.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) index: Index,
    pub(super) totals: Totals,
    /// The index was damaged and this is a new one.
    pub(super) lost: bool,
    /// The damaged one, as far as it can be read.
    pub(super) old: Option<Old>,
    /// What was wrong with it.
    pub(super) damage: Option<String>,
}

/// A damaged index that rows are saved from.
#[derive(Debug)]
pub(super) struct Old {
    pub(super) rows: Arc<Snapshot>,
    index: Index,
}

impl Old {
    fn policy(&self) -> Option<Policy> {
        let (_, totals) = self.index.totals().ok()??;
        Some(totals.policy())
    }
}

pub(super) fn failure(paths: &Paths, error: IndexError) -> Error {
    match is_damage(&error) {
        true => Error::corrupt("open", &paths.index, error),
        false => Error::io("open", &paths.index, to_io(error)),
    }
}

/// Opens the index, or quarantines it and starts a new one.
pub(super) fn open(
    io: &dyn Io,
    paths: &Paths,
    report: &mut OpenReport,
    segments: &Segments,
    policy: Option<Policy>,
) -> Result<Opened> {
    if io.metadata(&paths.damaged).is_ok() {
        // A rebuild was cut off. What it made is incomplete.
        match io.remove(&paths.index) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed.map_err(|e| Error::io("remove", &paths.index, e))?,
        }
        let why = "it was damaged, and its rebuilding was cut off".to_owned();
        return rebuild(io, paths, segments, policy, why);
    }
    let marked = io.metadata(&paths.rebuild).is_ok();
    // A log has records only after its index was made durable.
    let has_log = segments.damaged || !segments.list.is_empty();
    let missing = has_log && is_missing(io, &paths.index);
    if missing {
        // If this opening is cut off, the next one finds an index, and must report the loss all the same.
        let _ = io.open(&paths.rebuild, Open::Create);
    }
    let error = match try_open(io, paths, policy, || store_id(io, paths, segments)) {
        Ok((index, totals)) if missing => {
            let why =
                "it is missing; what it alone held is lost, files are adopted again".to_owned();
            tracing::warn!(why, "the index is lost");
            report.quarantined.push(Quarantined { name: "index.redb".to_owned(), why });
            // The index is new: a mark that was set for the old one is settled by that.
            let _ = io.remove(&paths.rebuild);
            return Ok(Opened { index, totals, lost: true, old: None, damage: None });
        }
        Ok((index, totals)) if !marked => {
            return Ok(Opened { index, totals, lost: false, old: None, damage: None });
        }
        Ok(_) => "it was found damaged while the store was open".to_owned(),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt) => {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        }
        Err(error) => return Err(error),
    };
    tracing::warn!(
        error,
        "the index is damaged and put into quarantine; its sound entries are kept, files are adopted again"
    );
    io.rename(&paths.index, &paths.damaged).map_err(|e| Error::io("move away", &paths.index, e))?;
    rebuild(io, paths, segments, policy, error)
}

/// Starts a new index beside the damaged one, which stays in reach until the new one has everything.
fn rebuild(
    io: &dyn Io,
    paths: &Paths,
    segments: &Segments,
    policy: Option<Policy>,
    damage: String,
) -> Result<Opened> {
    let old = open_old(io, &paths.damaged);
    let policy = policy.or_else(|| old.as_ref()?.policy());
    let (index, totals) = try_open(io, paths, policy, || store_id(io, paths, segments))?;
    Ok(Opened { index, totals, lost: true, old, damage: Some(damage) })
}

fn is_missing(io: &dyn Io, path: &Path) -> bool {
    io.metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}

fn open_old(io: &dyn Io, path: &Path) -> Option<Old> {
    let index = Index::open(io, path).ok()?;
    let rows = index.snapshot().ok()?;
    Some(Old { rows, index })
}

fn try_open(
    io: &dyn Io,
    paths: &Paths,
    policy: Option<Policy>,
    id: impl FnOnce() -> u64,
) -> Result<(Index, Totals)> {
    let fail = |e| failure(paths, e);
    let index = Index::open(io, &paths.index).map_err(fail)?;
    let mut totals = match index.totals().map_err(fail)? {
        Some((format, _)) if format > crate::FORMAT_VERSION => {
            return Err(Error::new(ErrorKind::Version { found: format }, "open", &paths.dir));
        }
        Some((format, totals)) if format < crate::FORMAT_VERSION => {
            index.migrate(format, &totals).map_err(fail)?;
            totals
        }
        Some((_, totals)) => totals,
        None => {
            let policy = policy.unwrap_or_default().number();
            let totals = Totals { policy, ..new_totals(id()) };
            index.checkpoint(&Memtable::default(), &totals).map_err(fail)?;
            totals
        }
    };
    if let Some(policy) = policy.filter(|policy| *policy != totals.policy()) {
        if totals.entries > 0 {
            let before = totals.policy();
            tracing::info!(%before, now = %policy, "the eviction policy changes; all entries are ranked anew");
        }
        index.rerank(policy, &mut totals).map_err(fail)?;
    }
    Ok((index, totals))
}

/// The id of a store whose index is new: that of its log or of its files, so that they are known as its
/// own; else one that no other store has.
fn store_id(io: &dyn Io, paths: &Paths, segments: &Segments) -> u64 {
    if let Some(id) = segments.list.iter().rev().find_map(crate::log::segment::Segment::store) {
        return id;
    }
    let mut names = Vec::new();
    let _ = io.list(&paths.dir, &mut |name| {
        if names.len() < 16 && files::generation(name).is_some() {
            names.push(name.to_owned());
        }
    });
    let id = |name: &String| {
        let file = io.open(&paths.dir.join(name), Open::Read).ok()?;
        Some(files::Trailer::read(&*file).ok()??.store)
    };
    names.iter().find_map(id).unwrap_or_else(random)
}

impl Recovery<'_> {
    /// The new index has everything: the damaged one goes to quarantine, before the first change is
    /// accepted. While it stays where it is, an opening starts the rebuild from the beginning.
    pub(super) fn finish_rebuild(&mut self, why: String) -> Result<()> {
        let (io, paths) = (&*self.inner.io, &self.inner.paths);
        let quarantine = Quarantine::new(io, &paths.quarantine, self.inner.budget());
        let name = quarantine.take(&paths.damaged, "index.redb")?;
        self.report.quarantined.push(Quarantined { name, why });
        let _ = io.remove(&paths.rebuild);
        let fail = |e| Error::io("sync", &paths.private, e);
        io.sync_dir(&paths.quarantine).and_then(|()| io.sync_dir(&paths.private)).map_err(fail)
    }
}
