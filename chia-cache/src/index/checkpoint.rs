//! Writing a memtable into the index.

use redb::{ReadableTable, WriteTransaction};

use super::{ENTRIES, FILES, RANKS, READS, Result, row};
use crate::files;
use crate::memtable::{Memtable, Slot};

/// The tables while a memtable is checkpointed into them.
pub(super) struct Checkpoint<'t> {
    entries: redb::Table<'t, &'static str, &'static [u8]>,
    reads: redb::Table<'t, &'static str, (u64, u64, u64)>,
    ranks: redb::Table<'t, (u64, u64), &'static str>,
    files: redb::Table<'t, &'static str, &'static str>,
}

impl<'t> Checkpoint<'t> {
    pub(super) fn new(txn: &'t WriteTransaction) -> Result<Self> {
        Ok(Self {
            entries: txn.open_table(ENTRIES)?,
            reads: txn.open_table(READS)?,
            ranks: txn.open_table(RANKS)?,
            files: txn.open_table(FILES)?,
        })
    }

    pub(super) fn apply(mut self, memtable: &Memtable) -> Result<()> {
        let mut dead: Vec<_> = memtable.dead().collect();
        dead.sort_unstable();
        for tag in dead {
            self.remove(tag)?;
        }
        let mut entries: Vec<_> = memtable.entries().collect();
        // In key order the inserts walk each table once instead of jumping about in it. The removals above are
        // in key order too, so that the same changes write the same bytes.
        entries.sort_unstable_by_key(|(tag, ..)| *tag);
        let mut ranks = Vec::with_capacity(entries.len());
        for (tag, rank, slot) in entries {
            if slot.written {
                self.write(tag, slot)?;
            } else if self.entries.get(&**tag)?.is_none() {
                continue;
            }
            let (priority, sequence) = rank.key();
            let read = (priority, sequence, slot.last_read);
            if let Some(old) = self.reads.insert(&**tag, read)? {
                let (priority, sequence, _) = old.value();
                self.ranks.remove((priority, sequence))?;
            }
            ranks.push((rank.key(), tag));
        }
        ranks.sort_unstable();
        for (rank, tag) in ranks {
            self.ranks.insert(rank, &**tag)?;
        }
        Ok(())
    }

    fn write(&mut self, tag: &str, slot: &Slot) -> Result<()> {
        let row = row::encode(tag, &slot.meta, slot.value.as_deref().unwrap_or_default())?;
        let old = match self.entries.insert(tag, &*row)? {
            Some(old) => row::meta(tag, old.value()).and_then(|meta| files::name(tag, &meta)),
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

    /// Each row is read before it is removed. What redb hands out for a removed row removes it when it is
    /// dropped; if reading a damaged row panics while it is held, that drop panics too, which aborts.
    fn remove(&mut self, tag: &str) -> Result<()> {
        let name = match self.entries.get(tag)? {
            Some(old) => row::meta(tag, old.value()).and_then(|meta| files::name(tag, &meta)),
            None => return Ok(()),
        };
        self.entries.remove(tag)?;
        if let Some(name) = name {
            self.files.remove(&*name)?;
        }
        let read = self.reads.get(tag)?.map(|old| old.value());
        if let Some((priority, sequence, _)) = read {
            self.reads.remove(tag)?;
            self.ranks.remove((priority, sequence))?;
        }
        Ok(())
    }
}
