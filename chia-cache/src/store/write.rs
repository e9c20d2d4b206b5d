//! Writing: what a write does to what is there, and how the value gets in.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::eviction::Selection;
use crate::facts::{NewEntry, Origin, Written};
use crate::files::{self, StagedFile, Wrap};
use crate::memtable::Slot;
use crate::meta::{self, Checksum, Meta, Place};
use crate::store::inner::{Inner, Writer};
use crate::store::lookup::Found;
use crate::sync::lock;

/// What a write comes to, seen what is there.
enum Verdict {
    Refresh,
    KeepReal,
    Store { collision: bool },
}

/// What became of an entry.
struct Committed {
    written: Written,
    /// What the log must be durable up to.
    position: u64,
    /// Whether the entry is in the store, so that its file is needed.
    kept: bool,
}

/// Up to this size, in bytes, a file is read to see whether it is whole.
const CHEAP_CHECK: u64 = 1024 * 1024;

/// How much of a stream is read at a time.
const CHUNK: usize = 256 * 1024;

/// How much of a value must be seen to tell what it is.
const MIN_HEAD: usize = 64;

impl Inner {
    pub(crate) fn write(&self, tag: &str, value: &[u8], entry: &NewEntry) -> Result<Written> {
        self.check_sizes(tag, entry)?;
        let _running = self.enter()?;
        self.admit()?;
        self.check_reserve()?;
        if meta::cost(tag, value.len() as u64, entry.size()) > self.budget() {
            return Ok(self.refuse(tag));
        }
        let small = value.len() <= self.options.inline_limit;
        // A large value is worth a look before it is written to a file for nothing.
        if !small && let Some(written) = self.settled_by_look(tag, value, entry)? {
            // The same bytes may be another writer's, who is still waiting for the sync.
            self.acknowledge(self.commits.appended_position())?;
            return Ok(written);
        }
        if small && !self.as_pickles() {
            let generation = self.next_generation.fetch_add(1, Ordering::AcqRel);
            let sum = meta::checksum(value);
            let meta = Meta::new(entry, generation, value.len() as u64, sum, Place::Inline);
            let value = Bytes::copy_from_slice(value);
            let committed = self.commit(tag, meta, Some(value), entry)?;
            self.acknowledge(committed.position)?;
            return Ok(committed.written);
        }
        let mut staged = self.staged(tag, entry, value)?;
        self.push(&mut staged, value)?;
        self.commit_staged(tag, staged, entry)
    }

    pub(crate) fn write_from(
        &self,
        tag: &str,
        reader: &mut dyn Read,
        entry: &NewEntry,
    ) -> Result<Written> {
        self.check_sizes(tag, entry)?;
        let mut head = vec![0; self.options.inline_limit.max(MIN_HEAD) + 1];
        let read_error = |e| Error::io("read the value to write into", &self.paths.dir, e);
        let len = files::fill(reader, &mut head).map_err(read_error)?;
        if len < head.len() {
            return self.write(tag, &head[..len], entry);
        }
        self.check_open()?;
        self.check_reserve()?;
        let mut staged = self.staged(tag, entry, &head)?;
        self.push(&mut staged, &head)?;
        head.resize(CHUNK, 0);
        loop {
            if meta::cost(tag, staged.len(), entry.size()) > self.budget() {
                self.counters.in_flight_bytes.sub(staged.len());
                return Ok(self.refuse(tag));
            }
            let filled = files::fill(reader, &mut head).map_err(|e| {
                self.counters.in_flight_bytes.sub(staged.len());
                read_error(e)
            });
            match filled? {
                0 => break,
                len => self.push(&mut staged, &head[..len])?,
            }
        }
        let len = staged.len();
        let entered = self.enter().inspect_err(|_| self.counters.in_flight_bytes.sub(len));
        let _running = entered?;
        self.admit().inspect_err(|_| self.counters.in_flight_bytes.sub(len))?;
        self.commit_staged(tag, staged, entry)
    }

    fn check_sizes(&self, tag: &str, entry: &NewEntry) -> Result<()> {
        let fail = |kind| Err(Error::new(kind, "write to", &self.paths.dir));
        if tag.len() > crate::MAX_TAG_LEN {
            return fail(ErrorKind::Tag);
        }
        if entry.size() > crate::MAX_FACTS_LEN {
            return fail(ErrorKind::Facts);
        }
        Ok(())
    }

    fn refuse(&self, tag: &str) -> Written {
        self.counters.too_large.add(1);
        tracing::warn!(
            tag,
            budget = self.budget(),
            "the value is larger than the whole cache and is not kept"
        );
        Written::TooLarge
    }

    /// Whether every entry is to be a file that the Python original can read.
    fn as_pickles(&self) -> bool {
        self.options.inline_limit == 0
    }

    /// A staged for a value that begins with `first`.
    fn staged(&self, tag: &str, entry: &NewEntry, first: &[u8]) -> Result<StagedFile> {
        let number = self.next_staged.fetch_add(1, Ordering::Relaxed);
        // No other owner of the directory uses this name, before or after.
        let path = self.paths.staging.join(format!("{:016x}-{number}", self.nonce));
        let wrap = match self.as_pickles() {
            true => Wrap::pickle(tag, entry.codec, first),
            false => Ok(Wrap::plain()),
        };
        wrap.and_then(|wrap| StagedFile::create(&self.io, path.clone(), wrap))
            .map_err(|e| Error::io("create", &path, e))
    }

    fn push(&self, staged: &mut StagedFile, data: &[u8]) -> Result<()> {
        let before = staged.len();
        self.counters.in_flight_bytes.add(data.len() as u64);
        staged.push(data).map_err(|e| {
            // Nothing of the staged is in flight any more, this part or what came before.
            self.counters.in_flight_bytes.sub(before + data.len() as u64);
            Error::io("write a value into", &self.paths.staging, e)
        })
    }

    /// The outcome, if what is there already decides it.
    fn settled_by_look(
        &self,
        tag: &str,
        value: &[u8],
        entry: &NewEntry,
    ) -> Result<Option<Written>> {
        let Some(found) = self.find(tag, false)? else {
            return Ok(None);
        };
        let same_len = found.meta.len == value.len() as u64;
        if !same_len && !keeps_real(&found.meta, entry) {
            return Ok(None);
        }
        let sum = meta::checksum(value);
        Ok(match verdict(Some(&found), entry, value.len() as u64, &sum) {
            Verdict::Refresh if self.holds(tag, &found) => {
                self.check_owner()?;
                Some(self.refresh(tag, &found))
            }
            Verdict::KeepReal => Some(self.keep_real()),
            Verdict::Refresh | Verdict::Store { .. } => None,
        })
    }

    /// Whether the value of an entry is really there: its file has the length that it should have, and
    /// where that is cheap the checksum too.
    fn holds(&self, tag: &str, found: &Found) -> bool {
        if found.meta.is_inline() {
            let value = self.find(tag, true).ok().flatten().and_then(|found| found.value);
            return value.is_some_and(|value| Some(meta::checksum(&value)) == found.meta.checksum);
        }
        let Ok(Some(file)) = self.open_value(tag, found) else { return false };
        match found.meta.len {
            ..=CHEAP_CHECK => files::copy(&*file, &found.meta, &mut std::io::sink()).is_ok(),
            _ => file.len().is_ok_and(|len| found.meta.cut().is_some_and(|cut| cut.end <= len)),
        }
    }

    fn refresh(&self, tag: &str, found: &Found) -> Written {
        self.touch(tag, found);
        self.counters.refreshed.add(1);
        Written::Refreshed
    }

    fn keep_real(&self) -> Written {
        self.counters.kept_real.add(1);
        Written::KeptReal
    }

    /// Gives the file its name and commits it.
    fn commit_staged(&self, tag: &str, staged: StagedFile, entry: &NewEntry) -> Result<Written> {
        let generation = self.begin_file();
        let committed = self.commit_file(tag, staged, entry, generation);
        self.settle(generation);
        let committed = committed?;
        self.acknowledge(committed.position)?;
        Ok(committed.written)
    }

    fn commit_file(
        &self,
        tag: &str,
        staged: StagedFile,
        entry: &NewEntry,
        generation: u64,
    ) -> Result<Committed> {
        // A file that another owner's store finds in its directory could pass for its own.
        self.check_owner().inspect_err(|_| self.counters.in_flight_bytes.sub(staged.len()))?;
        let place = staged.place(self.is_durable());
        let meta = Meta::new(entry, generation, staged.len(), staged.checksum(), place);
        let len = staged.len();
        let finished = staged
            .finish(&self.paths.dir, &StagedFile::trailer(self.id, tag, &meta), self.is_durable())
            .map_err(|e| Error::io("write a value into", &self.paths.dir, e));
        self.counters.in_flight_bytes.sub(len);
        let committed = finished.and_then(|()| self.commit(tag, meta.clone(), None, entry));
        match &committed {
            // Once committed the file belongs to the entry, acknowledged or not.
            Ok(Committed { kept: true, .. }) => {}
            // The record of a later eviction would not cover a file that gave way to the entry.
            _ => lock(&self.failed_files).extend(files::name(tag, &meta)),
        }
        committed
    }

    /// Commits an entry unless what is there decides otherwise.
    fn commit(
        &self,
        tag: &str,
        mut meta: Meta,
        value: Option<Bytes>,
        entry: &NewEntry,
    ) -> Result<Committed> {
        loop {
            let mut writer = lock(&self.writer);
            let found = self.find(tag, false)?;
            let sum = meta.checksum.unwrap_or_default();
            let collision = match (verdict(found.as_ref(), entry, meta.len, &sum), &found) {
                // The same bytes may be another writer's, who is still waiting for the sync.
                (Verdict::Refresh, Some(found)) if self.holds(tag, found) => {
                    self.check_owner()?;
                    let written = self.refresh(tag, found);
                    return Ok(Committed { written, position: writer.log.position(), kept: false });
                }
                (Verdict::KeepReal, _) => {
                    return Ok(Committed { written: self.keep_real(), position: 0, kept: false });
                }
                (Verdict::Refresh, _) => false,
                (Verdict::Store { collision }, _) => collision,
            };
            // A write that began later was faster: this one came before it and is overwritten.
            if found.as_ref().is_some_and(|found| found.meta.generation > meta.generation) {
                let written = Written::Stored { collision };
                return Ok(Committed { written, position: writer.log.position(), kept: false });
            }
            let old = found.map(|found| found.meta);
            meta.pinned |= old.as_ref().is_some_and(|old| old.pinned);
            let Some(evicted) = self.make_room(&mut writer, tag, &meta, old.as_deref())? else {
                drop(writer);
                self.admit()?;
                continue;
            };
            let slot = Slot { meta: Arc::new(meta), last_read: 0, written: true, value };
            let position =
                self.commit_put(&mut writer, tag.into(), slot, old.as_deref(), evicted)?;
            drop(writer);
            self.count_write(tag, entry, collision, old.as_deref());
            return Ok(Committed { written: Written::Stored { collision }, position, kept: true });
        }
    }

    /// Picks what must go for the entry. `None` if a record full of evictions was committed and more must
    /// go: the log is given room in between.
    fn make_room(
        &self,
        writer: &mut Writer,
        tag: &str,
        meta: &Meta,
        old: Option<&Meta>,
    ) -> Result<Option<Selection>> {
        let (held, pinned) = {
            let live = lock(&self.live);
            (live.bytes, live.pinned)
        };
        let cost = meta.cost(tag);
        let full = || Err(Error::new(ErrorKind::Pinned, "write to", &self.paths.dir));
        if pinned - old.map_or(0, |old| old.pinned_cost(tag)).min(pinned) + cost > self.budget() {
            return full();
        }
        let held = held.saturating_sub(old.map_or(0, |old| old.cost(tag)));
        let need = (held + cost).saturating_sub(self.budget());
        let selection = self.select(writer, Some(tag), need)?;
        if selection.freed >= need {
            return Ok(Some(selection));
        }
        if selection.entries.is_empty() {
            return full();
        }
        self.commit_evictions(writer, selection)?;
        Ok(None)
    }

    fn count_write(&self, tag: &str, entry: &NewEntry, collision: bool, old: Option<&Meta>) {
        self.counters.writes.add(1);
        if collision {
            if self.counters.collisions.get() == 0 {
                let before = old.and_then(|old| old.function.as_deref());
                tracing::warn!(
                    tag,
                    before,
                    now = entry.function,
                    "two functions write the same tag; the later result wins"
                );
            }
            self.counters.collisions.add(1);
        }
    }
}

fn keeps_real(old: &Meta, entry: &NewEntry) -> bool {
    old.origin.is_original() && !entry.origin.is_original()
}

/// Whether an original result was computed from something else than the one that is there.
fn has_other_source(old: &Meta, entry: &NewEntry) -> bool {
    let new = &entry.provenance;
    if !entry.origin.is_original() || new.is_empty() {
        return false;
    }
    old.provenance.as_ref().is_none_or(|old| !old.same_source(new))
}

fn verdict(found: Option<&Found>, entry: &NewEntry, len: u64, sum: &Checksum) -> Verdict {
    let Some(old) = found.map(|found| &*found.meta).filter(|old| !old.is_expired()) else {
        return Verdict::Store { collision: false };
    };
    let other_function = match (&old.function, &entry.function) {
        (Some(before), Some(now)) => before != now,
        (None, Some(_)) => entry.origin == Origin::Real,
        (_, None) => false,
    };
    let same_bytes =
        old.len == len && old.checksum.as_ref() == Some(sum) && old.codec == entry.codec;
    // A real result is worth more than the same bytes from a replacement.
    let upgrade = !old.origin.is_original() && entry.origin.is_original();
    // The same bytes from other arguments are another result: the next replay compares with them.
    let changed = has_other_source(old, entry) || (other_function && entry.origin.is_original());
    if same_bytes && !upgrade && !changed {
        return Verdict::Refresh;
    }
    if keeps_real(old, entry) {
        return Verdict::KeepReal;
    }
    let both_original = old.origin.is_original() && entry.origin.is_original();
    Verdict::Store { collision: other_function && old.function.is_some() && both_original }
}
