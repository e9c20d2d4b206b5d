//! The index: a redb database that holds every entry as of the last checkpoint, small values included.

mod checkpoint;
mod convert;
mod row;
mod snapshot;
mod totals;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{Database, ReadableDatabase, TableDefinition, TableError};

use crate::io::{IndexBackend, Io, Open};
use crate::memtable::Memtable;
use checkpoint::Checkpoint;
pub(crate) use snapshot::Snapshot;
pub(crate) use totals::Totals;

/// Tag → [`row`].
const ENTRIES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("rows");
/// The same in format 1.
const ENTRIES_1: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("entries");
/// Tag → rank, and time of the last read.
const READS: TableDefinition<'_, &str, (u64, u64, u64)> = TableDefinition::new("reads");
/// Rank → tag.
const RANKS: TableDefinition<'_, (u64, u64), &str> = TableDefinition::new("ranks");
/// Tag → place in the LRU order and time of the last read, up to format 2.
const RECENCY_2: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("recency");
/// Place in the LRU order → tag, up to format 2.
const ORDER_2: TableDefinition<'_, u64, &str> = TableDefinition::new("order");
/// File name → tag.
const FILES: TableDefinition<'_, &str, &str> = TableDefinition::new("files");
/// The numbers of [`Totals`], and the format.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Memory for pages of the index, in bytes.
const PAGE_CACHE: usize = 48 * 1024 * 1024;

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
    revoked: Arc<AtomicBool>,
}

impl Drop for Index {
    fn drop(&mut self) {
        // Closing writes, so over damage it may panic like everything else. What it does not write is
        // repaired at the next opening.
        let db = self.db.take();
        let _ = guarded(|| {
            drop(db);
            Ok(())
        });
    }
}

impl Index {
    /// Opens or creates the index. After a crash redb repairs it from the allocator state that every
    /// checkpoint saves, which takes no longer for more data.
    pub(crate) fn open(io: &dyn Io, path: &Path) -> Result<Self> {
        let file = io.open(path, Open::Create)?;
        let revoked = Arc::new(AtomicBool::new(false));
        guarded(|| {
            let backend = IndexBackend::new(file, Arc::clone(&revoked));
            let db = Database::builder().set_cache_size(PAGE_CACHE).create_with_backend(backend)?;
            Ok(Self { db: Some(db), revoked })
        })
    }

    /// From now on nothing is written, not even when the index is closed.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
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
        Totals::read(&table).map(Some)
    }

    /// Brings the index up to date with a memtable, in one durable commit.
    pub(crate) fn checkpoint(&self, memtable: &Memtable, totals: &Totals) -> Result<()> {
        guarded(|| self.commit(memtable, totals))
    }

    fn commit(&self, memtable: &Memtable, totals: &Totals) -> Result<()> {
        let mut txn = self.db()?.begin_write()?;
        txn.set_quick_repair(true);
        if memtable.is_cleared() {
            txn.delete_table(ENTRIES)?;
            txn.delete_table(READS)?;
            txn.delete_table(RANKS)?;
            txn.delete_table(FILES)?;
        }
        Checkpoint::new(&txn)?.apply(memtable)?;
        totals.write(&txn)?;
        txn.commit()?;
        Ok(())
    }

    /// The state as of the last checkpoint.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot>> {
        guarded(|| Ok(Arc::new(Snapshot::new(&self.db()?.begin_read()?)?)))
    }
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
        | IndexError::DatabaseAlreadyOpen
        | IndexError::DatabaseClosed => false,
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
