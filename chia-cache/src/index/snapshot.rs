//! Reading the index.

use std::ops::Bound;

use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::{ENTRIES, FILES, IndexError, RANKS, READS, Result, guarded, row};
use crate::meta::Meta;
use crate::rank::Rank;

/// The entries as of one checkpoint. Reading from it takes no lock.
pub(crate) struct Snapshot {
    entries: ReadOnlyTable<&'static str, &'static [u8]>,
    reads: ReadOnlyTable<&'static str, (u64, u64, u64)>,
    ranks: ReadOnlyTable<(u64, u64), &'static str>,
    files: ReadOnlyTable<&'static str, &'static str>,
}

impl Snapshot {
    pub(super) fn new(txn: &ReadTransaction) -> Result<Self> {
        Ok(Self {
            entries: txn.open_table(ENTRIES)?,
            reads: txn.open_table(READS)?,
            ranks: txn.open_table(RANKS)?,
            files: txn.open_table(FILES)?,
        })
    }

    /// The entry and its inline value, which is empty for a file.
    pub(crate) fn read(&self, tag: &str) -> Result<Option<(Meta, Bytes)>> {
        guarded(|| {
            let Some(row) = self.entries.get(tag)? else { return Ok(None) };
            let (meta, value) = row::parse(tag, row.value()).ok_or_else(damaged)?;
            Ok(Some((meta, Bytes::copy_from_slice(value))))
        })
    }

    pub(crate) fn meta(&self, tag: &str) -> Result<Option<Meta>> {
        guarded(|| {
            let Some(row) = self.entries.get(tag)? else { return Ok(None) };
            row::meta(tag, row.value()).ok_or_else(damaged).map(Some)
        })
    }

    /// Milliseconds since 1970; 0 for never.
    pub(crate) fn last_read(&self, tag: &str) -> Result<u64> {
        guarded(|| Ok(self.reads.get(tag)?.map_or(0, |found| found.value().2)))
    }

    /// Up to `limit` tags from rank `from` on, in the order of eviction.
    pub(crate) fn lowest(&self, from: Rank, limit: usize) -> Result<Vec<(Rank, String)>> {
        guarded(|| {
            let mut ranked = Vec::new();
            for found in self.ranks.range(from.key()..)?.take(limit) {
                let (rank, tag) = found?;
                ranked.push((Rank::from_key(rank.value()), tag.value().to_owned()));
            }
            Ok(ranked)
        })
    }

    /// Up to `limit` tags with `prefix` after `after`, in order.
    pub(crate) fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        guarded(|| {
            let mut tags = Vec::new();
            for found in self.entries.range::<&str>((from, Bound::Unbounded))?.take(limit) {
                let (tag, _) = found?;
                if !tag.value().starts_with(prefix) {
                    break;
                }
                tags.push(tag.value().to_owned());
            }
            Ok(tags)
        })
    }

    /// Counts entries, their bytes and those of pinned ones; `None` if a row is damaged.
    pub(crate) fn count(&self) -> Result<Option<(u64, u64, u64)>> {
        guarded(|| {
            let (mut entries, mut bytes, mut pinned) = (0, 0, 0);
            for found in self.entries.iter()? {
                let (tag, row) = found?;
                let Some(meta) = row::meta(tag.value(), row.value()) else { return Ok(None) };
                let cost = meta.cost(tag.value());
                entries += 1;
                bytes += cost;
                pinned += if meta.pinned { cost } else { 0 };
            }
            Ok(Some((entries, bytes, pinned)))
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

fn damaged() -> IndexError {
    IndexError::Corrupted("an entry does not match its checksum".to_owned())
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
