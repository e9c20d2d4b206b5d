//! Folding a memtable into the tables.

use redb::{ReadableTable, WriteTransaction};

use super::{ENTRIES, FILES, ORDER, RECENCY, Result, Totals, row};
use crate::files;
use crate::memtable::{Memtable, Slot};

/// The tables while a memtable is checkpointed into them.
pub(super) struct Checkpoint<'t> {
    entries: redb::Table<'t, &'static str, &'static [u8]>,
    recency: redb::Table<'t, &'static str, (u64, u64)>,
    order: redb::Table<'t, u64, &'static str>,
    files: redb::Table<'t, &'static str, &'static str>,
}

impl<'t> Checkpoint<'t> {
    pub(super) fn new(txn: &'t WriteTransaction) -> Result<Self> {
        Ok(Self {
            entries: txn.open_table(ENTRIES)?,
            recency: txn.open_table(RECENCY)?,
            order: txn.open_table(ORDER)?,
            files: txn.open_table(FILES)?,
        })
    }

    pub(super) fn apply(mut self, memtable: &Memtable, totals: &mut Totals) -> Result<()> {
        for tag in memtable.dead() {
            self.remove(tag)?;
        }
        let mut ranked: Vec<_> = memtable.oldest_first().zip(totals.next_order..).collect();
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
        let rank = self.recency.get(tag)?.map(|old| old.value().0);
        if let Some(rank) = rank {
            self.recency.remove(tag)?;
            self.order.remove(rank)?;
        }
        Ok(())
    }
}
