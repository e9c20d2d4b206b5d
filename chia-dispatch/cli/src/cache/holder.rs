//! Who changes a cache: its living owner, where it has one, else this process, which owns it meanwhile.

use std::time::Duration;

use chia_cache::{ByteSize, ErrorKind, NewEntry, Options, Stats, Store, Written};
use chia_services::OwnerClient;

use super::look;
use crate::args::Args;
use crate::error::{Error, Result};

/// A cache that can be changed.
#[derive(Debug)]
pub(super) enum Holder {
    /// This process owns it.
    Here(Store),
    /// Another process owns it, and does what it is asked.
    Owner(OwnerClient),
}

impl Holder {
    /// Owns the cache, or connects to its owner. No entry is evicted for want of room: the budget is the
    /// loop's affair.
    pub(super) fn open(args: &Args) -> Result<Self> {
        Self::open_within(args, Options::new(ByteSize::new(u64::MAX)))
    }

    /// As [`open`](Self::open); an owner of its own evicts what does not fit.
    pub(super) fn resize(args: &Args, size: ByteSize, allow_shrink: bool) -> Result<Stats> {
        match Self::open_within(args, Options::new(size).allow_shrink(allow_shrink))? {
            Self::Owner(owner) => Ok(owner.resize(size, allow_shrink)?),
            Self::Here(store) => {
                let stats = store.stats();
                store.close()?;
                Ok(stats)
            }
        }
    }

    fn open_within(args: &Args, options: Options) -> Result<Self> {
        look::check(&args.dir)?;
        match Store::open(&args.dir, options.lock_wait(Duration::ZERO)) {
            Ok(store) => Ok(Self::Here(store)),
            Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) => {
                let connected = OwnerClient::connect(&args.dir);
                connected.map(Self::Owner).map_err(|why| Error::Owned { error, why })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn remove(&self, tag: &str) -> Result<bool> {
        match self {
            Self::Here(store) => Ok(store.evict(tag)?),
            Self::Owner(owner) => Ok(owner.evict(tag)?),
        }
    }

    /// False if there is no such entry.
    pub(super) fn pin(&self, tag: &str, pinned: bool) -> Result<bool> {
        match self {
            Self::Here(store) if pinned => Ok(store.pin(tag)?),
            Self::Here(store) => Ok(store.unpin(tag)?),
            Self::Owner(owner) => Ok(owner.pin(tag, pinned)?),
        }
    }

    pub(super) fn clear(&self) -> Result<u64> {
        match self {
            Self::Here(store) => Ok(store.clear()?),
            Self::Owner(owner) => Ok(owner.clear()?),
        }
    }

    pub(super) fn write(&self, tag: &str, value: &[u8], entry: NewEntry) -> Result<Written> {
        match self {
            Self::Here(store) => Ok(store.write(tag, value, &entry)?),
            Self::Owner(owner) => Ok(owner.write(tag, value, entry)?),
        }
    }

    pub(super) fn close(self) -> Result<()> {
        match self {
            Self::Here(store) => Ok(store.close()?),
            Self::Owner(_) => Ok(()),
        }
    }
}
