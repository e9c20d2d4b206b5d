//! Reading: every value is checked before anyone sees it as whole.

use std::io::{ErrorKind as IoKind, Write};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::facts::{Entry, Facts, Replay, ReplayMiss};
use crate::files::{self, ReadError};
use crate::io::{IoFile, Open};
use crate::meta;
use crate::quarantine::Quarantine;
use crate::store::adopt::{is_no_file, is_rewritten};
use crate::store::inner::Inner;
use crate::store::lookup::Found;
use crate::sync::lock;

/// How often an entry is looked up again because its file was replaced meanwhile.
const TRIES: usize = 8;

/// What reading an entry came to.
pub(crate) enum Outcome<T> {
    Value(T),
    Absent,
    Damaged,
}

impl<T> Outcome<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Damaged => None,
        }
    }
}

impl Inner {
    pub(crate) fn read(&self, tag: &str) -> Result<Option<Entry>> {
        self.check_open()?;
        Ok(self.read_if(tag, |_| true)?.value())
    }

    /// Reads the entry if `wanted` says so; counts and refreshes it.
    fn read_if(&self, tag: &str, wanted: impl Fn(&Found) -> bool) -> Result<Outcome<Entry>> {
        let read = self.with_value(tag, wanted, |found, file| match file {
            None => Ok(found.value.clone().unwrap_or_default()),
            Some(file) => files::read(file, &found.meta),
        })?;
        Ok(match read {
            Outcome::Value((found, value)) => {
                let facts = self.read_facts(tag, &found);
                Outcome::Value(Entry { value, facts })
            }
            Outcome::Absent => Outcome::Absent,
            Outcome::Damaged => Outcome::Damaged,
        })
    }

    /// Refreshes an entry that was read; its facts are those of this read.
    fn read_facts(&self, tag: &str, found: &Found) -> Facts {
        let at = self.touch(tag, found);
        self.counters.hits.add(1);
        found.meta.facts(tag, at)
    }

    pub(crate) fn read_into(&self, tag: &str, sink: &mut dyn Write) -> Result<Option<Facts>> {
        self.check_open()?;
        let read = self.with_value(
            tag,
            |_| true,
            |found, file| match file {
                None => sink
                    .write_all(found.value.as_deref().unwrap_or_default())
                    .map_err(ReadError::Sink),
                Some(file) => files::copy(file, &found.meta, sink),
            },
        )?;
        match read {
            Outcome::Value((found, ())) => Ok(Some(self.read_facts(tag, &found))),
            Outcome::Absent => Ok(None),
            // The sink has bytes already, so this cannot pass for a plain miss.
            Outcome::Damaged => {
                Err(Error::corrupt("read an entry of", &self.paths.dir, ReadError::Damaged))
            }
        }
    }

    pub(crate) fn replay(
        &self,
        tag: &str,
        function: &str,
        check: &dyn Fn(&Facts) -> bool,
    ) -> Result<Replay> {
        self.check_open()?;
        let refusal = |found: &Found| {
            ReplayMiss::of(found.meta.origin, found.meta.function.as_deref(), function).or_else(
                || {
                    let refused =
                        !check(&found.meta.facts(tag, found.last_read.unwrap_or_default()));
                    refused.then_some(ReplayMiss::Rejected)
                },
            )
        };
        let Some(found) = self.find(tag, false)?.filter(live) else {
            self.counters.misses.add(1);
            return Ok(Replay::Miss(ReplayMiss::Absent));
        };
        if let Some(miss) = refusal(&found) {
            self.counters.misses.add(1);
            return Ok(Replay::Miss(miss));
        }
        Ok(match self.read_if(tag, |found| refusal(found).is_none())? {
            Outcome::Value(entry) => Replay::Hit(entry),
            Outcome::Absent => Replay::Miss(ReplayMiss::Absent),
            Outcome::Damaged => Replay::Miss(ReplayMiss::Damaged),
        })
    }

    pub(crate) fn facts(&self, tag: &str) -> Result<Option<Facts>> {
        self.check_open()?;
        let Some(found) = self.find(tag, false)? else {
            return Ok(None);
        };
        let last_read = self.last_read(tag, &found)?;
        Ok(Some(found.meta.facts(tag, last_read)))
    }

    /// Finds the entry, opens its file if it has one, and hands both to `read`.
    pub(crate) fn with_value<T>(
        &self,
        tag: &str,
        wanted: impl Fn(&Found) -> bool,
        mut read: impl FnMut(&Found, Option<&dyn IoFile>) -> Result<T, ReadError>,
    ) -> Result<Outcome<(Found, T)>> {
        for _ in 0..TRIES {
            let Some(found) = self.find(tag, true)?.filter(&live).filter(&wanted) else {
                self.counters.misses.add(1);
                return Ok(Outcome::Absent);
            };
            let file = match self.open_value(tag, &found) {
                Ok(Some(file)) if is_rewritten(&*file, &found.meta) => {
                    self.adopt_again(tag, &found)?;
                    continue;
                }
                Ok(file) => file,
                // Evicted or replaced since the look-up, or gone for good.
                Err(e) if e.kind() == IoKind::NotFound => match self.is_current(tag, &found)? {
                    true => return self.damaged(tag, &found, "its file is gone"),
                    false => continue,
                },
                // Somebody has put something else than a file there.
                Err(e) if is_no_file(&e) => return self.damaged(tag, &found, "it is no file"),
                Err(e) => return Err(Error::io("read an entry of", &self.paths.dir, e)),
            };
            let value = match checked(&found) {
                true => read(&found, file.as_deref()),
                false => Err(ReadError::Damaged),
            };
            return match value {
                Ok(value) => Ok(Outcome::Value((found, value))),
                Err(ReadError::Damaged) => {
                    self.damaged(tag, &found, "it does not match its checksum")
                }
                Err(ReadError::Io(e) | ReadError::Sink(e)) => {
                    Err(Error::io("read an entry of", &self.paths.dir, e))
                }
            };
        }
        self.counters.misses.add(1);
        Ok(Outcome::Absent)
    }

    pub(crate) fn open_value(
        &self,
        tag: &str,
        found: &Found,
    ) -> std::io::Result<Option<Arc<dyn IoFile>>> {
        match files::name(tag, &found.meta) {
            Some(name) => self.io.open(&self.paths.dir.join(name), Open::Read).map(Some),
            None => Ok(None),
        }
    }

    fn is_current(&self, tag: &str, found: &Found) -> Result<bool> {
        Ok(self.find(tag, false)?.is_some_and(|now| now.meta.place == found.meta.place))
    }

    /// Takes a damaged entry out of service.
    fn damaged<T>(&self, tag: &str, found: &Found, why: &'static str) -> Result<Outcome<T>> {
        let _running = self.enter()?;
        let mut writer = lock(&self.writer);
        if self.find(tag, false)?.is_some_and(|now| now.meta == found.meta) {
            self.keep_aside(tag, found);
            self.commit_remove(&mut writer, tag, found.meta.generation, Some(&*found.meta))?;
            self.counters.quarantined.add(1);
            tracing::warn!(tag, why, "a damaged entry is put into quarantine");
        }
        drop(writer);
        self.counters.misses.add(1);
        Ok(Outcome::Damaged)
    }

    /// What cannot be kept is lost, and does not keep the entry in service.
    fn keep_aside(&self, tag: &str, found: &Found) {
        let quarantine = Quarantine::new(&*self.io, &self.paths.quarantine, self.budget());
        if let Some(name) = files::name(tag, &found.meta) {
            let _ = quarantine.take(&self.paths.dir.join(&name), &name);
        } else if let Some(value) = &found.value {
            let _ = quarantine.take_bytes(value, &format!("{}.val", files::stem(tag)));
        }
    }
}

/// Whether an inline value is what was written. Files are checked as they are read.
fn checked(found: &Found) -> bool {
    match (&found.value, &found.meta.checksum) {
        (Some(value), Some(sum)) => meta::checksum(value) == *sum,
        (None, _) => !found.meta.is_inline(),
        (Some(_), None) => true,
    }
}

fn live(found: &Found) -> bool {
    !found.meta.is_expired()
}
