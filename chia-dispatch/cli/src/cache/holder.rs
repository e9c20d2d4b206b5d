//! The one that changes a cache: this process, which owns the cache meanwhile.

use std::time::Duration;

use chia_cache::{ByteSize, NewEntry, Options, Store, Written};

use super::{glob, look};
use crate::args::Args;
use crate::error::Result;

/// A cache that this process may change.
#[derive(Debug)]
pub(super) struct Holder(Store);

impl Holder {
    /// Owns the cache. No entry is evicted for want of room: the budget is the loop's affair.
    pub(super) fn open(args: &Args) -> Result<Self> {
        look::check(&args.dir)?;
        let options = Options::new(ByteSize::new(u64::MAX)).lock_wait(Duration::ZERO);
        Ok(Self(Store::open(&args.dir, options)?))
    }

    /// The tags that match.
    pub(super) fn matching(&self, pattern: &str) -> Result<Vec<String>> {
        let mut tags = self.0.keys()?;
        tags.retain(|tag| glob::matches(pattern, tag));
        Ok(tags)
    }

    pub(super) fn remove(&self, tag: &str) -> Result<bool> {
        Ok(self.0.evict(tag)?)
    }

    /// False if there is no such entry.
    pub(super) fn pin(&self, tag: &str, pinned: bool) -> Result<bool> {
        Ok(if pinned { self.0.pin(tag)? } else { self.0.unpin(tag)? })
    }

    pub(super) fn clear(&self) -> Result<u64> {
        Ok(self.0.clear()?)
    }

    pub(super) fn write(&self, tag: &str, value: &[u8], entry: &NewEntry) -> Result<Written> {
        Ok(self.0.write(tag, value, entry)?)
    }

    pub(super) fn close(self) -> Result<()> {
        Ok(self.0.close()?)
    }
}
