//! Applying what the last owner's logs add to the index.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::Recovery;
use crate::error::{Error, Result};
use crate::files;
use crate::io::Open;
use crate::log::OldLog;
use crate::log::frame::{Op, Record};
use crate::memtable::Slot;
use crate::meta::{Meta, Place};
use crate::sync::lock;

impl Recovery<'_> {
    pub(super) fn replay(&mut self, log: &OldLog) -> Result<()> {
        let mut synced_before = 0;
        log.replay::<Error>(|_, record| {
            for op in record.ops {
                if let Op::FilesSynced { before } = op {
                    synced_before = synced_before.max(before);
                }
            }
            Ok(())
        })?;
        log.replay(|begin, record| {
            self.report.replayed += 1;
            self.apply(record, begin < synced_before)
        })
    }

    fn apply(&mut self, record: Record<'_>, files_synced: bool) -> Result<()> {
        for op in record.ops {
            match op {
                Op::Put { tag, meta } => self.put(tag, meta, record.value, files_synced)?,
                Op::Remove { tag } => {
                    if let Some(old) = self.inner.find(&tag, false)? {
                        self.give_up(&tag, &old.meta);
                        lock(&self.inner.live).remove(tag.into(), &old.meta);
                    }
                }
                Op::Touch { tag, at } => {
                    if let Some(found) = self.inner.find(&tag, false)? {
                        lock(&self.inner.live).touch(&tag, &found.meta, found.turn, at);
                    }
                }
                Op::Clear => {
                    self.given_up
                        .extend(self.inner.file_names()?.into_iter().map(|(name, _)| name));
                    lock(&self.inner.live).clear();
                }
                Op::FilesSynced { .. } => {}
            }
        }
        Ok(())
    }

    fn put(&mut self, tag: String, meta: Meta, value: &[u8], files_synced: bool) -> Result<()> {
        let next = meta.generation.saturating_add(1);
        self.inner.next_generation.fetch_max(next, Ordering::AcqRel);
        if let Place::File { synced, .. } = meta.place {
            // A power loss may have cut the file off or taken its name; then the older entry stands.
            if !synced && !files_synced && !self.is_whole(&tag, &meta) {
                self.report.lost.push(tag);
                return Ok(());
            }
        }
        let value = meta.is_inline().then(|| Bytes::copy_from_slice(value));
        let old = self.inner.find(&tag, false)?;
        if let Some(old) = &old {
            self.give_up(&tag, &old.meta);
        }
        let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value };
        lock(&self.inner.live).put(tag.into(), slot, old.as_ref().map(|old| &*old.meta));
        Ok(())
    }

    /// Remembers the file of an entry that the log says is gone: its unlink may not have happened.
    fn give_up(&mut self, tag: &str, meta: &Meta) {
        self.given_up.extend(files::name(tag, meta));
    }

    fn is_whole(&self, tag: &str, meta: &Meta) -> bool {
        let Some(name) = files::name(tag, meta) else {
            return false;
        };
        match self.inner.io.open(&self.inner.paths.dir.join(name), Open::Read) {
            Ok(file) => files::copy(&*file, meta, &mut std::io::sink()).is_ok(),
            Err(_) => false,
        }
    }
}
