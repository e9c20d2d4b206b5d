//! What becomes of one file that has no entry.

use std::sync::Arc;

use super::Recovery;
use super::reconcile::Adoption;
use crate::error::Result;
use crate::files::{self, Finding, Trailer};
use crate::index::is_damage;
use crate::io::Open;
use crate::meta::{Meta, Place};
use crate::quarantine::Quarantine;
use crate::report::Quarantined;
use crate::sync::lock;

/// What becomes of a file.
#[allow(clippy::large_enum_variant, reason = "it is moved once")]
pub(super) enum Verdict {
    /// It becomes an entry.
    Adopt(Adoption),
    /// It is known to be a leftover.
    Sweep,
    /// It may have been a value, and is damaged.
    Quarantine(String),
    /// It stays, and is no entry.
    Ignore(String),
    /// It has an entry after all.
    Known,
}

impl Recovery<'_> {
    pub(super) fn look(&mut self, name: &str) -> Result<Verdict> {
        let inner = self.inner;
        let path = inner.paths.dir.join(name);
        let ours = files::generation(name).is_some();
        if self.is_given_up(name) {
            return Ok(Verdict::Sweep);
        }
        let (tag, meta) = match files::find(&*inner.io, &inner.paths.dir, name) {
            Ok(Finding::Ours(trailer)) if matches!(trailer.meta.place, Place::File { .. }) => {
                return self.judge(name, trailer);
            }
            Ok(Finding::Ours(trailer)) => (trailer.tag, trailer.meta),
            Ok(Finding::Pickle { tag, meta }) => (tag, meta),
            // A file that is named like ours and is empty never was a value.
            Ok(Finding::Other(_)) if ours && inner.io.metadata(&path).is_ok_and(|m| m.len == 0) => {
                return Ok(Verdict::Sweep);
            }
            Ok(Finding::Other(why)) if ours => return Ok(Verdict::Quarantine(why.to_string())),
            Ok(Finding::Other(why)) => return Ok(Verdict::Ignore(why.to_string())),
            Err(e) => return Ok(Verdict::Ignore(format!("it cannot be read: {e}"))),
        };
        let adoption = Adoption { name: name.to_owned(), tag, meta, ours: false };
        Ok(Verdict::Adopt(adoption))
    }

    pub(super) fn is_given_up(&self, name: &str) -> bool {
        let path = self.inner.paths.dir.join(name);
        match self.given_up.get(name) {
            Some(Some(stamp)) => {
                self.inner.io.metadata(&path).is_ok_and(|found| found.stamp() == *stamp)
            }
            given_up => given_up.is_some(),
        }
    }

    /// Decides about a file of a store under its own name.
    fn judge(&mut self, name: &str, trailer: Trailer) -> Result<Verdict> {
        let inner = self.inner;
        let Trailer { store, tag, mut meta } = trailer;
        let generation = meta.generation;
        let ours = store == inner.id;
        if ours {
            // Also if the file is left alone: a later opening must not take it for newer than what is
            // written from now on.
            self.see_generation(generation);
        }
        if ours
            && (self.removed.get(&tag).is_some_and(|removed| *removed >= generation)
                || generation < self.cleared)
        {
            return Ok(Verdict::Sweep);
        }
        if let Some(found) = inner.find(&tag, false)? {
            return Ok(self.judge_beside(name, tag, meta, ours, &found.meta));
        }
        if ours
            && !self.was_put_there(generation)
            && generation < self.settled
            && self.is_index_sound()?
        {
            return Ok(Verdict::Sweep);
        }
        if ours {
            return Ok(self.adopt_whole(name, tag, meta));
        }
        meta.place = found_place(name, &meta);
        Ok(Verdict::Adopt(Adoption { name: name.to_owned(), tag, meta, ours }))
    }

    /// Whether somebody has put a file of this store into the directory since it stopped cleanly.
    fn was_put_there(&self, generation: u64) -> bool {
        self.clean_stop && generation < self.next_generation
    }

    /// Decides about a file whose tag has an entry.
    fn judge_beside(
        &self,
        name: &str,
        tag: String,
        meta: Meta,
        ours: bool,
        entry: &Meta,
    ) -> Verdict {
        if files::name(&tag, entry).as_deref() == Some(name) {
            return Verdict::Known;
        }
        let another = || Verdict::Ignore("there is an entry with its tag already".to_owned());
        if !ours || self.was_put_there(meta.generation) {
            return another();
        }
        let same = meta.checksum == entry.checksum && meta.len == entry.len;
        let kept = entry.origin.is_original() && !meta.origin.is_original();
        if entry.generation > meta.generation || same || kept {
            return Verdict::Sweep;
        }
        self.adopt_whole(name, tag, meta)
    }

    /// Adopts a file of this store, unless a power loss has cut it off.
    fn adopt_whole(&self, name: &str, tag: String, meta: Meta) -> Verdict {
        if matches!(meta.place, Place::File { synced: false, .. }) {
            let file = self.inner.io.open(&self.inner.paths.dir.join(name), Open::Read);
            let whole =
                file.is_ok_and(|file| files::copy(&*file, &meta, &mut std::io::sink()).is_ok());
            if !whole {
                return Verdict::Quarantine("the value does not match its checksum".to_owned());
            }
        }
        Verdict::Adopt(Adoption { name: name.to_owned(), tag, meta, ours: true })
    }

    /// Whether the index can be trusted to name every file that has an entry. It is scanned once, if a
    /// file asks for it.
    fn is_index_sound(&mut self) -> Result<bool> {
        if self.lost_index {
            return Ok(false);
        }
        if let Some(sound) = self.sound {
            return Ok(sound);
        }
        let base = Arc::clone(&lock(&self.inner.live).base);
        let totals = lock(&self.inner.index).totals;
        let expected = (totals.entries, totals.bytes, totals.pinned);
        let sound = match base.count() {
            Ok(counted) => counted == Some(expected),
            Err(e) if is_damage(&e) => false,
            Err(e) => return Err(self.inner.index_error("read", e)),
        };
        self.sound = Some(sound);
        Ok(sound)
    }

    pub(super) fn quarantine(&mut self, name: &str, why: String) {
        let (io, paths) = (&*self.inner.io, &self.inner.paths);
        let quarantine = Quarantine::new(io, &paths.quarantine, self.inner.budget());
        match quarantine.take(&paths.dir.join(name), name) {
            Ok(name) => self.report.quarantined.push(Quarantined { name, why }),
            Err(error) => self.ignore(name.to_owned(), error.to_string()),
        }
    }
}

fn found_place(name: &str, meta: &Meta) -> Place {
    match meta.cut() {
        Some(cut) => Place::Found { name: name.to_owned(), cut: cut.clone(), stamp: None },
        None => Place::Inline,
    }
}
