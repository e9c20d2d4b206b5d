//! Changing a whole index: from an older format, or to another eviction policy.

use redb::{ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use super::{ENTRIES, ENTRIES_1, Index, ORDER_2, RANKS, READS, RECENCY_2, Result, Totals};
use super::{guarded, row};
use crate::rank::{Priority, Rank};
use crate::{Policy, legacy};

impl Index {
    /// Brings an index of an older format to this one, in one commit.
    pub(crate) fn migrate(&self, format: u32, totals: &Totals) -> Result<()> {
        guarded(|| {
            let txn = self.db()?.begin_write()?;
            if format == 1 {
                migrate_rows(&txn)?;
            }
            migrate_order(&txn)?;
            totals.write(&txn)?;
            txn.commit()?;
            Ok(())
        })
    }

    /// Ranks all entries for another policy, in one commit. The sequence of each stays, so that nothing is
    /// lost on the way back to LRU.
    pub(crate) fn rerank(&self, policy: Policy, totals: &mut Totals) -> Result<()> {
        guarded(|| {
            let changed = Totals { policy: policy.number(), level: 0, ..*totals };
            let mut txn = self.db()?.begin_write()?;
            txn.set_quick_repair(true);
            rank_all(&self.db()?.begin_read()?, &txn, policy)?;
            changed.write(&txn)?;
            txn.commit()?;
            *totals = changed;
            Ok(())
        })
    }
}

fn migrate_rows(txn: &WriteTransaction) -> Result<()> {
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
    Ok(())
}

fn migrate_order(txn: &WriteTransaction) -> Result<()> {
    {
        let (recency, mut reads) = (txn.open_table(RECENCY_2)?, txn.open_table(READS)?);
        for found in recency.iter()? {
            let (tag, (sequence, at)) = found.map(|(tag, recency)| (tag, recency.value()))?;
            reads.insert(tag.value(), (0, sequence, at))?;
        }
        let (order, mut ranks) = (txn.open_table(ORDER_2)?, txn.open_table(RANKS)?);
        for found in order.iter()? {
            let (sequence, tag) = found?;
            ranks.insert((0, sequence.value()), tag.value())?;
        }
    }
    txn.delete_table(RECENCY_2)?;
    txn.delete_table(ORDER_2)?;
    Ok(())
}

fn rank_all(before: &ReadTransaction, txn: &WriteTransaction, policy: Policy) -> Result<()> {
    txn.delete_table(RANKS)?;
    let (entries, old) = (before.open_table(ENTRIES)?, before.open_table(READS)?);
    let (mut reads, mut ranks) = (txn.open_table(READS)?, txn.open_table(RANKS)?);
    for found in old.iter()? {
        let (tag, read) = found?;
        let (tag, (_, sequence, at)) = (tag.value(), read.value());
        let row = entries.get(tag)?;
        // A damaged row keeps its place: reading it reports the damage.
        let meta = row.and_then(|row| row::meta(tag, row.value()));
        let priority = meta.map(|meta| policy.priority(Priority::default(), tag, &meta));
        let rank = Rank { priority: priority.unwrap_or_default(), sequence };
        reads.insert(tag, (rank.key().0, sequence, at))?;
        ranks.insert(rank.key(), tag)?;
    }
    Ok(())
}
