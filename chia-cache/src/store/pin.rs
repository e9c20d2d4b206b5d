//! Pinning: entries that are never evicted to make room.

use std::sync::Arc;

use crate::error::Result;
use crate::memtable::Slot;
use crate::meta::Meta;
use crate::store::inner::Inner;
use crate::sync::lock;

impl Inner {
    /// Pins or unpins an entry; false if there is none.
    pub(crate) fn set_pinned(&self, tag: &str, pinned: bool) -> Result<bool> {
        let _running = self.enter()?;
        self.admit()?;
        let mut writer = lock(&self.writer);
        let Some(found) = self.find(tag, true)? else { return Ok(false) };
        if found.meta.pinned == pinned {
            return Ok(true);
        }
        let last_read = self.last_read(tag, &found)?;
        let meta = Arc::new(Meta { pinned, ..(*found.meta).clone() });
        let slot = Slot { meta, last_read, written: true, value: found.value.clone() };
        self.commit_facts(&mut writer, tag, slot, &found.meta)?;
        let position = writer.log.position();
        drop(writer);
        self.acknowledge(position)?;
        Ok(true)
    }
}
