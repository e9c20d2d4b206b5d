//! The index: a redb database that holds every entry as of the last checkpoint, small values included.

mod checkpoint;
mod row;
mod snapshot;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};

use twox_hash::XxHash3_64;

use crate::io::{IndexBackend, Io, Open};
use crate::legacy;
use crate::memtable::Memtable;
use checkpoint::Checkpoint;
pub(crate) use snapshot::Snapshot;

/// Tag → [`row`].
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rows");
/// The same in format 1.
const ENTRIES_1: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
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
    /// No file of a generation below this was being written when the index was last brought up to date.
    pub(crate) settled: u64,
    /// Bytes of pinned entries, as counted against the budget.
    pub(crate) pinned: u64,
}

impl Totals {
    fn fields(&mut self) -> [(&'static str, &mut u64); 9] {
        [
            ("epoch", &mut self.epoch),
            ("entries", &mut self.entries),
            ("bytes", &mut self.bytes),
            ("next_order", &mut self.next_order),
            ("next_generation", &mut self.next_generation),
            ("stopped", &mut self.stopped),
            ("store", &mut self.store),
            ("settled", &mut self.settled),
            ("pinned", &mut self.pinned),
        ]
    }

    /// A checksum over all of them and the format.
    fn seal(mut self) -> u64 {
        let numbers = self.fields().map(|(_, number)| number.to_le_bytes());
        let format = u64::from(crate::FORMAT_VERSION);
        XxHash3_64::oneshot_with_seed(format, numbers.as_flattened())
    }
}

/// Any failure of the index.
pub(crate) type IndexError = redb::Error;
type Result<T, E = IndexError> = std::result::Result<T, E>;

/// Runs redb code. redb trusts what its file says of itself, so damage that it does not notice can make
/// it panic; that must not take the program down.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(IndexError::Corrupted("redb panicked over the file".to_owned())))
}

/// The open index.
#[derive(Debug)]
pub(crate) struct Index {
    /// `None` only while it is dropped.
    db: Option<Database>,
}

impl Drop for Index {
    fn drop(&mut self) {
        // Closing writes, so over damage it may panic like everything else. What it does not write is
        // repaired at the next opening.
        let db = self.db.take();
        let _ = guarded(|| Ok(drop(db)));
    }
}

impl Index {
    /// Opens or creates the index. After a crash redb repairs it from the allocator state that every
    /// checkpoint saves, which takes no longer for more data.
    pub(crate) fn open(io: &dyn Io, path: &Path) -> Result<Self> {
        let file = io.open(path, Open::Create)?;
        guarded(|| {
            let mut builder = Database::builder();
            let db = builder.set_cache_size(PAGE_CACHE).create_with_backend(IndexBackend(file))?;
            Ok(Self { db: Some(db) })
        })
    }

    fn db(&self) -> Result<&Database> {
        self.db.as_ref().ok_or(IndexError::DatabaseAlreadyOpen)
    }

    /// The format number and the totals; `None` if the index is new.
    pub(crate) fn totals(&self) -> Result<Option<(u32, Totals)>> {
        guarded(|| self.read_totals())
    }

    fn read_totals(&self) -> Result<Option<(u32, Totals)>> {
        let txn = self.db()?.begin_read()?;
        let table = match txn.open_table(NUMBERS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let mut totals = Totals::default();
        for (name, number) in totals.fields() {
            *number = table.get(name)?.map_or(0, |found| found.value());
        }
        let number = |name| Ok::<_, IndexError>(table.get(name)?.map(|found| found.value()));
        let format = u32::try_from(number("format")?.unwrap_or_default()).unwrap_or(u32::MAX);
        match number("seal")? {
            Some(seal) if seal == totals.seal() => Ok(Some((crate::FORMAT_VERSION, totals))),
            None if format == 1 => Ok(Some((format, totals))),
            _ if format > crate::FORMAT_VERSION => Ok(Some((format, totals))),
            _ => Err(IndexError::Corrupted("its totals do not match their checksum".to_owned())),
        }
    }

    /// Brings an index of format 1 to this format, in one commit.
    pub(crate) fn migrate(&self, totals: &mut Totals) -> Result<()> {
        guarded(|| {
            let txn = self.db()?.begin_write()?;
            {
                let (old, mut new) = (txn.open_table(ENTRIES_1)?, txn.open_table(ENTRIES)?);
                for found in old.iter()? {
                    let (tag, row) = found?;
                    if let Some((meta, value)) = legacy::row(row.value()) {
                        new.insert(tag.value(), &*row::encode(tag.value(), &meta, value)?)?;
                    }
                }
            }
            txn.delete_table(ENTRIES_1)?;
            write_totals(&txn, totals)?;
            txn.commit()?;
            Ok(())
        })
    }

    /// Brings the index up to date with a memtable, in one durable commit.
    pub(crate) fn checkpoint(&self, memtable: &Memtable, totals: &mut Totals) -> Result<()> {
        guarded(|| self.commit(memtable, totals))
    }

    fn commit(&self, memtable: &Memtable, totals: &mut Totals) -> Result<()> {
        let mut txn = self.db()?.begin_write()?;
        txn.set_quick_repair(true);
        if memtable.is_cleared() {
            txn.delete_table(ENTRIES)?;
            txn.delete_table(RECENCY)?;
            txn.delete_table(ORDER)?;
            txn.delete_table(FILES)?;
        }
        Checkpoint::new(&txn)?.apply(memtable, totals)?;
        write_totals(&txn, totals)?;
        txn.commit()?;
        Ok(())
    }

    /// The state as of the last checkpoint.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>> {
        guarded(|| Ok(Arc::new(Snapshot::new(&self.db()?.begin_read()?)?)))
    }
}

fn write_totals(txn: &WriteTransaction, totals: &mut Totals) -> Result<()> {
    let mut numbers = txn.open_table(NUMBERS)?;
    numbers.insert("format", u64::from(crate::FORMAT_VERSION))?;
    for (name, number) in totals.fields() {
        numbers.insert(name, *number)?;
    }
    numbers.insert("seal", totals.seal())?;
    Ok(())
}

/// Whether the error says that the index does not make sense, rather than that the disk failed. What did
/// not come from the operating system came from the contents of the file.
pub(crate) fn is_damage(error: &IndexError) -> bool {
    match error {
        IndexError::Io(e) => {
            e.raw_os_error().is_none()
                && matches!(
                    e.kind(),
                    io::ErrorKind::InvalidData
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::UnexpectedEof
                )
        }
        IndexError::PreviousIo
        | IndexError::LockPoisoned(_)
        | IndexError::TransactionPoisoned
        | IndexError::DatabaseAlreadyOpen => false,
        _ => true,
    }
}

/// An index error as the I/O error that it stands for.
pub(crate) fn to_io(error: IndexError) -> io::Error {
    match error {
        IndexError::Io(e) => e,
        other => io::Error::other(other),
    }
}
