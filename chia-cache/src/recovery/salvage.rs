//! Saving the sound rows of a damaged index.

use std::sync::Arc;

use super::Recovery;
use super::index::Old;
use crate::error::Result;
use crate::index::Snapshot;
use crate::memtable::Slot;
use crate::rank::Rank;
use crate::sync::lock;

/// How many rows are looked at at a time.
const BATCH: usize = 256;

impl Recovery<'_> {
    /// Puts every row whose seal holds into the new index: in the order of eviction as far as that can be read, then
    /// the others.
    pub(super) fn salvage(&mut self, old: &Old) -> Result<()> {
        let mut next = Rank::default();
        while let Ok(ranked) = old.rows.lowest(next, BATCH) {
            let Some(after) = ranked.last().and_then(|(rank, _)| rank.next()) else { break };
            let tags: Vec<String> = ranked.into_iter().map(|(_, tag)| tag).collect();
            self.save_all(&old.rows, &tags)?;
            // In a damaged index the order may go in circles.
            if after <= next {
                break;
            }
            next = after;
        }
        let mut last: Option<String> = None;
        while let Ok(tags) = old.rows.page("", last.as_deref(), BATCH) {
            self.save_all(&old.rows, &tags)?;
            match tags.into_iter().next_back() {
                Some(tag) if last.as_ref().is_none_or(|last| *last < tag) => last = Some(tag),
                _ => break,
            }
        }
        Ok(())
    }

    fn save_all(&mut self, old: &Snapshot, tags: &[String]) -> Result<()> {
        for tag in tags {
            self.save(old, tag)?;
        }
        self.bound_memory()
    }

    fn save(&mut self, old: &Snapshot, tag: &str) -> Result<()> {
        let Ok(Some((meta, value))) = old.read(tag) else { return Ok(()) };
        if self.inner.find(tag, false)?.is_some() {
            return Ok(());
        }
        self.see_generation(meta.generation);
        let value = meta.is_inline().then_some(value);
        let last_read = old.last_read(tag).unwrap_or_default();
        let slot = Slot { meta: Arc::new(meta), last_read, written: true, value };
        lock(&self.inner.live).put(tag.into(), slot, None);
        Ok(())
    }
}
