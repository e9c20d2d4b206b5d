//! Reading the index.

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::{ENTRIES, FILES, ORDER, RECENCY, Result, guarded, row};
use crate::meta::Meta;

/// The entries as of one checkpoint. Reading from it takes no lock.
pub(crate) struct Snapshot {
    entries: ReadOnlyTable<&'static str, &'static [u8]>,
    recency: ReadOnlyTable<&'static str, (u64, u64)>,
    order: ReadOnlyTable<u64, &'static str>,
    files: ReadOnlyTable<&'static str, &'static str>,
}

impl Snapshot {
    pub(super) fn new(txn: &ReadTransaction) -> Result<Self> {
        Ok(Self {
            entries: txn.open_table(ENTRIES)?,
            recency: txn.open_table(RECENCY)?,
            order: txn.open_table(ORDER)?,
            files: txn.open_table(FILES)?,
        })
    }

    /// The entry and its inline value, which is empty for a file.
    pub(crate) fn read(&self, tag: &str) -> Result<Option<(Meta, Bytes)>> {
        guarded(|| {
            let Some(row) = self.entries.get(tag)? else { return Ok(None) };
            Ok(row::parse(tag, row.value())
                .map(|(meta, value)| (meta, Bytes::copy_from_slice(value))))
        })
    }

    pub(crate) fn meta(&self, tag: &str) -> Result<Option<Meta>> {
        guarded(|| Ok(self.entries.get(tag)?.and_then(|row| row::meta(tag, row.value()))))
    }

    /// Milliseconds since 1970; 0 for never.
    pub(crate) fn last_read(&self, tag: &str) -> Result<u64> {
        guarded(|| Ok(self.recency.get(tag)?.map_or(0, |found| found.value().1)))
    }

    /// Up to `limit` tags in LRU order from place `from` on, and the place after the last of them.
    pub(crate) fn oldest(&self, from: u64, limit: usize) -> Result<(Vec<String>, u64)> {
        guarded(|| {
            let mut next = from;
            let mut tags = Vec::new();
            for found in self.order.range(from..)?.take(limit) {
                let (rank, tag) = found?;
                next = rank.value().saturating_add(1);
                tags.push(tag.value().to_owned());
            }
            Ok((tags, next))
        })
    }

    /// Calls `each` with every tag.
    pub(crate) fn tags(&self, mut each: impl FnMut(&str)) -> Result<()> {
        guarded(|| {
            for found in self.entries.iter()? {
                each(found?.0.value());
            }
            Ok(())
        })
    }

    /// Calls `each` with the name and the tag of every file.
    pub(crate) fn files(&self, mut each: impl FnMut(&str, &str)) -> Result<()> {
        guarded(|| {
            for found in self.files.iter()? {
                let (name, tag) = found?;
                each(name.value(), tag.value());
            }
            Ok(())
        })
    }

    pub(crate) fn has_file(&self, name: &str) -> Result<bool> {
        guarded(|| Ok(self.files.get(name)?.is_some()))
    }

    pub(crate) fn file_count(&self) -> Result<u64> {
        guarded(|| Ok(self.files.len()?))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
