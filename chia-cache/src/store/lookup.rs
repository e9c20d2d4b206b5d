//! Finding an entry: memtables first, then the index.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Result;
use crate::index::{IndexError, Snapshot, is_damage};
use crate::live::Overlay;
use crate::meta::{self, Meta};
use crate::store::inner::Inner;
use crate::sync::lock;

/// An entry as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) meta: Arc<Meta>,
    /// The value, if it is inline and was asked for.
    pub(crate) value: Option<Bytes>,
    /// When it was last read, if that was at hand.
    pub(crate) last_read: Option<u64>,
    pub(crate) version: u64,
}

impl Inner {
    pub(crate) fn find(&self, tag: &str, with_value: bool) -> Result<Option<Found>> {
        let found = match self.look(tag, with_value) {
            // redb refuses everything after one failed read.
            Err(e) if !is_damage(&e) && self.revive_for_read() => self.look(tag, with_value),
            found => found,
        };
        match found {
            // What cannot be read is a miss; the next opening rebuilds the index.
            Err(e) if is_damage(&e) => {
                self.note_damage(&e);
                Ok(None)
            }
            found => found.map_err(|e| self.index_error("read", e)),
        }
    }

    fn look(&self, tag: &str, with_value: bool) -> Result<Option<Found>, IndexError> {
        let (overlay, base, version) = {
            let live = lock(&self.live);
            (live.overlay(tag), Arc::clone(&live.base), live.version)
        };
        self.complete(tag, overlay, &base, version, with_value)
    }

    fn complete(
        &self,
        tag: &str,
        overlay: Overlay,
        base: &Snapshot,
        version: u64,
        with_value: bool,
    ) -> Result<Option<Found>, IndexError> {
        Ok(match overlay {
            Overlay::Gone => None,
            Overlay::Here { meta, last_read, mut value } => {
                if with_value && value.is_none() && meta.is_inline() {
                    value = base.read(tag)?.map(|(_, value)| value);
                }
                Some(Found { meta, value, last_read: Some(last_read), version })
            }
            Overlay::Below if with_value => base.read(tag)?.map(|(meta, value)| {
                let value = meta.is_inline().then_some(value);
                Found { meta: Arc::new(meta), value, last_read: None, version }
            }),
            Overlay::Below => base.meta(tag)?.map(|meta| Found {
                meta: Arc::new(meta),
                value: None,
                last_read: None,
                version,
            }),
        })
    }

    /// When an entry that [`find`](Self::find) found was last read.
    pub(crate) fn last_read(&self, tag: &str, found: &Found) -> Result<u64> {
        match found.last_read {
            Some(at) => Ok(at),
            None => {
                let read = self.read_base(|base| base.last_read(tag));
                read.map_err(|e| self.index_error("read", e))
            }
        }
    }

    /// Reads the index, again if a checkpoint that failed has closed it.
    pub(crate) fn read_base<T>(
        &self,
        read: impl Fn(&Snapshot) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let attempt = || {
            let base = Arc::clone(&lock(&self.live).base);
            read(&base)
        };
        match attempt() {
            Err(e) if !is_damage(&e) && self.revive_for_read() => attempt(),
            found => found,
        }
    }

    pub(crate) fn touch(&self, tag: &str, found: &Found) -> u64 {
        let at = meta::now();
        if self.options.read_only {
            return found.last_read.unwrap_or_default();
        }
        let mut live = lock(&self.live);
        live.touch(tag, &found.meta, found.version, at);
        let full = live.active.cost() >= self.tuning.checkpoint_at;
        drop(live);
        if full {
            self.wake.ring();
        }
        at
    }
}
