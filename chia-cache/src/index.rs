//! The index: a redb database that holds every entry as of the last fold, small values included.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use redb::{
    Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, TableError, WriteTransaction,
};

use crate::files;
use crate::io::{IndexBackend, Io, Open};
use crate::layer::{Layer, Slot};
use crate::meta::Meta;

/// Tag → facts and, for inline entries, the value.
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
/// Tag → place in the LRU order and time of the last read.
const RECENCY: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("recency");
/// Place in the LRU order → tag.
const ORDER: TableDefinition<'_, u64, &str> = TableDefinition::new("order");
/// File name → tag.
const FILES: TableDefinition<'_, &str, &str> = TableDefinition::new("files");
/// The numbers of [`Totals`], and the format.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Memory for pages of the index, in bytes.
const PAGE_CACHE: usize = 48 * 1024 * 1024;

/// What the index says of the store as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// The newest log that the index has caught up with.
    pub(crate) epoch: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The next place in the LRU order.
    pub(crate) next_order: u64,
    /// The next generation of a file.
    pub(crate) next_generation: u64,
    /// When the directory was modified last, in nanoseconds since 1970, as of a clean stop; else 0.
    pub(crate) stopped: u64,
    /// Tells this store's files from another's.
    pub(crate) store: u64,
}

impl Totals {
    fn fields(&mut self) -> [(&'static str, &mut u64); 7] {
        [
            ("epoch", &mut self.epoch),
            ("entries", &mut self.entries),
            ("bytes", &mut self.bytes),
            ("next_order", &mut self.next_order),
            ("next_generation", &mut self.next_generation),
            ("stopped", &mut self.stopped),
            ("store", &mut self.store),
        ]
    }
}

/// Any failure of the index.
pub(crate) type IndexError = redb::Error;
type Result<T, E = IndexError> = std::result::Result<T, E>;

/// The open index.
#[derive(Debug)]
pub(crate) struct Index {
    db: Database,
}

impl Index {
    /// Opens or creates the index. After a crash redb repairs it from the allocator state that every
    /// fold saves, which takes no longer for more data.
    pub(crate) fn open(io: &dyn Io, path: &Path) -> Result<Self> {
        let file = io.open(path, Open::Create)?;
        let db = Database::builder()
            .set_cache_size(PAGE_CACHE)
            .create_with_backend(IndexBackend(file))?;
        Ok(Self { db })
    }

    /// The format number and the totals; `None` if the index is new.
    pub(crate) fn totals(&self) -> Result<Option<(u32, Totals)>> {
        let txn = self.db.begin_read()?;
        let table = match txn.open_table(NUMBERS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let mut totals = Totals::default();
        for (name, number) in totals.fields() {
            *number = table.get(name)?.map_or(0, |found| found.value());
        }
        let format = table.get("format")?.map_or(0, |found| found.value());
        Ok(Some((u32::try_from(format).unwrap_or(u32::MAX), totals)))
    }

    /// Brings the index up to date with a layer, in one durable commit.
    pub(crate) fn fold(&self, layer: &Layer, totals: &mut Totals) -> Result<()> {
        let mut txn = self.db.begin_write()?;
        txn.set_quick_repair(true);
        if layer.is_cleared() {
            txn.delete_table(ENTRIES)?;
            txn.delete_table(RECENCY)?;
            txn.delete_table(ORDER)?;
            txn.delete_table(FILES)?;
        }
        Fold::new(&txn)?.apply(layer, totals)?;
        {
            let mut numbers = txn.open_table(NUMBERS)?;
            numbers.insert("format", u64::from(crate::FORMAT_VERSION))?;
            for (name, number) in totals.fields() {
                numbers.insert(name, *number)?;
            }
        }
        txn.commit()?;
        Ok(())
    }

    /// The state as of the last fold.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let txn = self.db.begin_read()?;
        Ok(Arc::new(Snapshot {
            entries: txn.open_table(ENTRIES)?,
            recency: txn.open_table(RECENCY)?,
            order: txn.open_table(ORDER)?,
            files: txn.open_table(FILES)?,
        }))
    }
}

/// The tables while a layer is folded into them.
struct Fold<'t> {
    entries: redb::Table<'t, &'static str, &'static [u8]>,
    recency: redb::Table<'t, &'static str, (u64, u64)>,
    order: redb::Table<'t, u64, &'static str>,
    files: redb::Table<'t, &'static str, &'static str>,
}

impl<'t> Fold<'t> {
    fn new(txn: &'t WriteTransaction) -> Result<Self> {
        Ok(Self {
            entries: txn.open_table(ENTRIES)?,
            recency: txn.open_table(RECENCY)?,
            order: txn.open_table(ORDER)?,
            files: txn.open_table(FILES)?,
        })
    }

    fn apply(mut self, layer: &Layer, totals: &mut Totals) -> Result<()> {
        for tag in layer.dead() {
            self.remove(tag)?;
        }
        let mut ranked: Vec<_> = layer.oldest_first().zip(totals.next_order..).collect();
        // In key order the inserts walk each table once instead of jumping about in it.
        ranked.sort_unstable_by_key(|((tag, _), _)| *tag);
        let mut order = Vec::with_capacity(ranked.len());
        for ((tag, slot), rank) in &ranked {
            if slot.written {
                self.write(tag, slot)?;
            } else if self.entries.get(&***tag)?.is_none() {
                continue;
            }
            if let Some(old) = self.recency.insert(&***tag, (*rank, slot.last_read))? {
                self.order.remove(old.value().0)?;
            }
            order.push((*rank, *tag));
        }
        order.sort_unstable();
        for (rank, tag) in order {
            self.order.insert(rank, &**tag)?;
            totals.next_order = rank + 1;
        }
        Ok(())
    }

    fn write(&mut self, tag: &str, slot: &Slot) -> Result<()> {
        let mut row = postcard::to_allocvec(&*slot.meta).map_err(|e| corrupt(tag, &e))?;
        row.extend_from_slice(slot.value.as_deref().unwrap_or_default());
        let old = match self.entries.insert(tag, &*row)? {
            Some(old) => files::name(tag, &row_meta(tag, old.value())?),
            None => None,
        };
        if let Some(name) = old {
            self.files.remove(&*name)?;
        }
        if let Some(name) = files::name(tag, &slot.meta) {
            self.files.insert(&*name, tag)?;
        }
        Ok(())
    }

    fn remove(&mut self, tag: &str) -> Result<()> {
        let name = match self.entries.remove(tag)? {
            Some(old) => files::name(tag, &row_meta(tag, old.value())?),
            None => return Ok(()),
        };
        if let Some(name) = name {
            self.files.remove(&*name)?;
        }
        let old = self.recency.remove(tag)?.map(|old| old.value().0);
        if let Some(rank) = old {
            self.order.remove(rank)?;
        }
        Ok(())
    }
}

/// The entries as of one fold. Reading from it takes no lock.
pub(crate) struct Snapshot {
    entries: ReadOnlyTable<&'static str, &'static [u8]>,
    recency: ReadOnlyTable<&'static str, (u64, u64)>,
    order: ReadOnlyTable<u64, &'static str>,
    files: ReadOnlyTable<&'static str, &'static str>,
}

impl Snapshot {
    /// The entry and its inline value, which is empty for a file.
    pub(crate) fn read(&self, tag: &str) -> Result<Option<(Meta, Bytes)>> {
        let Some(row) = self.entries.get(tag)? else {
            return Ok(None);
        };
        let (meta, value) = parse(tag, row.value())?;
        Ok(Some((meta, Bytes::copy_from_slice(value))))
    }

    pub(crate) fn meta(&self, tag: &str) -> Result<Option<Meta>> {
        self.entries.get(tag)?.map(|row| row_meta(tag, row.value())).transpose()
    }

    /// Milliseconds since 1970; 0 for never.
    pub(crate) fn last_read(&self, tag: &str) -> Result<u64> {
        Ok(self.recency.get(tag)?.map_or(0, |found| found.value().1))
    }

    /// Up to `limit` tags in LRU order from place `from` on, and the place after the last of them.
    pub(crate) fn oldest(&self, from: u64, limit: usize) -> Result<(Vec<String>, u64)> {
        let mut next = from;
        let mut tags = Vec::new();
        for found in self.order.range(from..)?.take(limit) {
            let (rank, tag) = found?;
            next = rank.value() + 1;
            tags.push(tag.value().to_owned());
        }
        Ok((tags, next))
    }

    /// Calls `each` with every tag.
    pub(crate) fn tags(&self, mut each: impl FnMut(&str)) -> Result<()> {
        for found in self.entries.iter()? {
            each(found?.0.value());
        }
        Ok(())
    }

    /// Calls `each` with the name and the tag of every file.
    pub(crate) fn files(&self, mut each: impl FnMut(&str, &str)) -> Result<()> {
        for found in self.files.iter()? {
            let (name, tag) = found?;
            each(name.value(), tag.value());
        }
        Ok(())
    }

    pub(crate) fn has_file(&self, name: &str) -> Result<bool> {
        Ok(self.files.get(name)?.is_some())
    }

    pub(crate) fn file_count(&self) -> Result<u64> {
        Ok(self.files.len()?)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

fn parse<'a>(tag: &str, row: &'a [u8]) -> Result<(Meta, &'a [u8])> {
    postcard::take_from_bytes(row).map_err(|e| corrupt(tag, &e))
}

fn row_meta(tag: &str, row: &[u8]) -> Result<Meta> {
    Ok(parse(tag, row)?.0)
}

fn corrupt(tag: &str, e: &postcard::Error) -> IndexError {
    IndexError::Corrupted(format!("the row of tag {tag:?} does not decode: {e}"))
}

/// Whether the error says that the index does not make sense, rather than that the disk failed.
pub(crate) fn is_damage(error: &IndexError) -> bool {
    match error {
        IndexError::Io(e) => {
            matches!(e.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        IndexError::Corrupted(_)
        | IndexError::UpgradeRequired(_)
        | IndexError::RepairAborted
        | IndexError::TableTypeMismatch { .. }
        | IndexError::TableIsMultimap(_)
        | IndexError::TypeDefinitionChanged { .. }
        | IndexError::TableDoesNotExist(_) => true,
        _ => false,
    }
}

/// An index error as the I/O error that it stands for.
pub(crate) fn to_io(error: IndexError) -> io::Error {
    match error {
        IndexError::Io(e) => e,
        other => io::Error::other(other),
    }
}
