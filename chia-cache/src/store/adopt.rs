//! Entries whose file somebody else wrote, and may write again.

use std::io;

use crate::error::Result;
use crate::files::{self, Finding};
use crate::io::IoFile;
use crate::memtable::Slot;
use crate::meta::Meta;
use crate::store::inner::Inner;
use crate::store::lookup::Found;
use crate::sync::lock;

/// Whether the file is no longer what it was when it became an entry.
pub(crate) fn is_rewritten(file: &dyn IoFile, meta: &Meta) -> bool {
    let now = || file.metadata().ok().map(|found| found.stamp());
    meta.stamp().is_some_and(|then| now() != Some(then))
}

/// Whether opening failed because the name is a link, a directory, a pipe, a device.
pub(crate) fn is_no_file(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
        || error.kind() == io::ErrorKind::IsADirectory
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
        || error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

impl Inner {
    /// Looks anew at the file of an entry that was rewritten: it is the entry's new value, if it has the
    /// same tag and there is room without evicting others; else the entry is gone and the file stays.
    pub(crate) fn adopt_again(&self, tag: &str, found: &Found) -> Result<()> {
        let _running = self.enter()?;
        let mut writer = lock(&self.writer);
        let current = self.find(tag, false)?.filter(|now| now.meta == found.meta);
        let (Some(current), Some(name)) = (current, files::name(tag, &found.meta)) else {
            return Ok(());
        };
        let looked = files::find(&*self.io, &self.paths.dir, &name);
        let fresh = match looked {
            Ok(Finding::Pickle { tag: now, meta }) if now == tag => Some(meta),
            Ok(Finding::Ours(trailer)) if trailer.tag == tag => Some(trailer.meta),
            _ => None,
        };
        let held = lock(&self.live).bytes.saturating_sub(current.meta.cost(tag));
        match fresh.filter(|meta| held + meta.cost(tag) <= self.budget()) {
            Some(mut meta) => {
                tracing::warn!(tag, name, "a found file was rewritten and is read anew");
                meta.generation = self.next_generation();
                let slot = Slot { meta: meta.into(), last_read: 0, written: true, value: None };
                self.commit_facts(&mut writer, tag, slot, &current.meta)
            }
            None => {
                tracing::warn!(tag, name, "a found file was rewritten and is no longer an entry");
                self.commit_forget(&mut writer, tag, &current.meta)
            }
        }
    }
}
