//! The numbers that the index keeps of the store as a whole.

use redb::{ReadableTable, WriteTransaction};
use twox_hash::XxHash3_64;

use super::{IndexError, NUMBERS, Result};
use crate::Policy;

/// What the index says of the store as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// The newest log that the index has caught up with.
    pub(crate) epoch: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// The sequence of the next rank.
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
    /// The number of the eviction policy that the ranks follow.
    pub(crate) policy: u64,
    /// The priority of the entry that was evicted last.
    pub(crate) level: u64,
}

/// How many of the fields format 2 has.
const FIELDS_2: usize = 9;

impl Totals {
    fn fields(&mut self) -> [(&'static str, &mut u64); 11] {
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
            ("policy", &mut self.policy),
            ("level", &mut self.level),
        ]
    }

    /// The eviction policy that the ranks follow.
    pub(crate) fn policy(&self) -> Policy {
        Policy::from_number(self.policy)
    }

    /// A checksum over all of them and the format.
    fn seal(mut self, format: u32) -> u64 {
        let numbers = self.fields().map(|(_, number)| number.to_le_bytes());
        let sealed = if format == 2 { &numbers[..FIELDS_2] } else { &numbers[..] };
        XxHash3_64::oneshot_with_seed(u64::from(format), sealed.as_flattened())
    }

    /// The format number and the totals. The seal says which format it is; the number alone counts for
    /// formats that have no seal or another one.
    pub(super) fn read(table: &impl ReadableTable<&'static str, u64>) -> Result<(u32, Self)> {
        let mut totals = Self::default();
        for (name, number) in totals.fields() {
            *number = table.get(name)?.map_or(0, |found| found.value());
        }
        let number = |name| Ok::<_, IndexError>(table.get(name)?.map(|found| found.value()));
        let format = u32::try_from(number("format")?.unwrap_or_default()).unwrap_or(u32::MAX);
        let seal = number("seal")?;
        let sealed = [crate::FORMAT_VERSION, 2].into_iter().find(|f| seal == Some(totals.seal(*f)));
        match (sealed, seal) {
            (Some(format), _) => Ok((format, totals)),
            (None, None) if format == 1 => Ok((format, totals)),
            _ if format > crate::FORMAT_VERSION => Ok((format, totals)),
            _ => Err(IndexError::Corrupted("its totals do not match their checksum".to_owned())),
        }
    }

    pub(super) fn write(mut self, txn: &WriteTransaction) -> Result<()> {
        let mut numbers = txn.open_table(NUMBERS)?;
        numbers.insert("format", u64::from(crate::FORMAT_VERSION))?;
        for (name, number) in self.fields() {
            numbers.insert(name, *number)?;
        }
        numbers.insert("seal", self.seal(crate::FORMAT_VERSION))?;
        Ok(())
    }
}
