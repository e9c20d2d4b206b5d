//! Opening a cache to look at it: nothing in the directory changes.

use std::path::Path;

use chia_cache::{Facts, ReadOnlyStore, Store};

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
