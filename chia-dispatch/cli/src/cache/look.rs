//! Opening a cache to look at it: nothing in the directory changes.

use std::path::{Path, PathBuf};

use chia_cache::{Facts, ReadOnlyStore, Store, overlay};

use super::glob;
use crate::error::{Error, Result};

/// Entries that are read at once: few at first, so that the first line is there at once.
const FIRST_PAGE: usize = 64;
const PAGE: usize = 2_000;

/// Opens the cache in `dir` beside its owner, if it has one. A directory that is no cache is an error.
pub(super) fn open(dir: &Path) -> Result<ReadOnlyStore> {
    match Store::open_read_only(dir) {
        Err(_) if !has_index(dir) => Err(no_cache(dir)),
        opened => Ok(opened?),
    }
}

/// The directories that reads of an overlay fall through to, the nearest first; none of any other cache.
pub(super) fn bases(dir: &Path) -> Result<Vec<PathBuf>> {
    match overlay::base(dir)? {
        Some(base) => Ok(overlay::bases(dir, base)?),
        None => Ok(Vec::new()),
    }
}

/// A cache and, if it is an overlay, its bases.
pub(crate) struct Readable(Vec<ReadOnlyStore>);

impl Readable {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let dirs = std::iter::once(dir.to_owned()).chain(bases(dir)?);
        Ok(Self(dirs.map(|dir| open(&dir)).collect::<Result<_>>()?))
    }

    /// The entry that a loop would find, and the store that has it.
    pub(crate) fn find(&self, tag: &str) -> Result<Option<(&ReadOnlyStore, Facts)>> {
        for store in &self.0 {
            if let Some(facts) = store.facts(tag)? {
                return Ok(Some((store, facts)));
            }
        }
        Ok(None)
    }

    pub(super) fn is_base(&self, store: &ReadOnlyStore) -> bool {
        self.0.first().is_none_or(|own| own.dir() != store.dir())
    }
}

/// A directory that is no cache is an error, never a new cache.
pub(super) fn check(dir: &Path) -> Result<()> {
    if has_index(dir) { Ok(()) } else { open(dir).map(drop) }
}

fn has_index(dir: &Path) -> bool {
    dir.join(".chia").join("index.redb").is_file()
}

fn no_cache(dir: &Path) -> Error {
    Error::NoCache { dir: dir.to_owned(), exists: dir.is_dir() }
}

/// Hands the entries that match to `each`, a page at a time, in the order of their tags.
pub(super) fn pages(
    store: &ReadOnlyStore,
    pattern: &str,
    mut each: impl FnMut(Vec<Facts>) -> Result<()>,
) -> Result<()> {
    let prefix = glob::prefix(pattern);
    let (mut after, mut limit) = (None::<String>, FIRST_PAGE);
    loop {
        let mut page = store.page(prefix, after.as_deref(), limit)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.tag.clone());
        page.retain(|facts| glob::matches(pattern, &facts.tag));
        each(page)?;
        limit = PAGE;
    }
}
