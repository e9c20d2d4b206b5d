//! Owners that overlap: an operation that outlives its store, and a deleted lock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::operate;
use super::oracle::Value;
use super::plan::Late;
use super::world::{Checked, World, violation};
use crate::io::sim::{Clock, Parking};
use crate::{Origin, Result, Store, Written};

/// The time limit of a close that may have to wait for the operation that it overtakes.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(30);

enum Outcome {
    Read(Result<Option<crate::Entry>>),
    Written(Value, Result<Written>),
    Evicted(Result<bool>),
}

impl World {
    /// An operation stops before its `at`-th step; the store is closed, and a new owner writes. Then
    /// the operation goes on.
    pub(super) fn overtake(&mut self, tag: usize, what: Late, at: u64, writes: usize) -> Checked {
        let old = self.opened()?;
        if self.sim.is_faulty() || self.sim.is_full() || self.excused {
            return Ok(());
        }
        let value = match what {
            Late::Write { size } => Some(self.value(size, Origin::Real, 1)),
            Late::Read | Late::Evict => None,
        };
        let name = self.tags[tag].clone();
        let (parking, closing) = (Arc::new(Parking::default()), Arc::new(Parking::default()));
        let ticks = Clock::ticks();
        let late = || {
            let _clock = Clock::share(&ticks);
            match (what, value) {
                (Late::Write { .. }, Some(value)) => {
                    let written = operate::write(&old, &name, &value, false);
                    Outcome::Written(value, written)
                }
                (Late::Evict, _) => Outcome::Evicted(old.evict(&name)),
                _ => Outcome::Read(old.read(&name)),
            }
        };
        let (outcome, overtaken, closed) = std::thread::scope(|scope| {
            let late = scope.spawn(|| parking.run(at, late));
            if !parking.wait() {
                return (late.join(), Ok(false), None);
            }
            let close = || {
                let _clock = Clock::share(&ticks);
                old.clone().close()
            };
            let (closing, closed) = (Arc::clone(&closing), closing);
            let close = scope.spawn(move || closed.run(u64::MAX, close));
            let overtaken = match closing.finished_within(CLOSE_TIMEOUT) {
                true => self.succeed(tag, writes).map(|()| true),
                false => Ok(false),
            };
            parking.release();
            (late.join(), overtaken, close.join().ok())
        });
        let Ok(outcome) = outcome else { return violation("panic", "a late operation panicked") };
        let overtaken = overtaken?;
        match (overtaken, closed) {
            // The operation was over before anything could overtake it.
            (false, None) => {
                self.store = Some(old.clone());
                self.settle_late(&old, tag, outcome, false)
            }
            (false, Some(closed)) => {
                self.store = None;
                self.settle_late(&old, tag, outcome, true)?;
                drop(old);
                match closed {
                    Ok(()) => self.oracle.stopped(),
                    Err(error) => {
                        return violation("failed without a fault", super::world::describe(&error));
                    }
                }
                Ok(())
            }
            (true, _) => {
                let store = self.opened()?;
                self.settle_late(&store, tag, outcome, true)?;
                drop(old);
                self.check_all(&store)
            }
        }
    }

    /// The store was closed: the next owner opens it and writes.
    fn succeed(&mut self, tag: usize, writes: usize) -> Checked {
        self.store = None;
        self.oracle.stopped();
        let store = self.opened()?;
        for at in 1..=writes {
            let value = self.value(100 * at, Origin::Real, 0);
            self.write(&store, (tag + at) % self.tags.len(), value, false)?;
        }
        Ok(())
    }

    fn settle_late(&mut self, store: &Store, tag: usize, outcome: Outcome, late: bool) -> Checked {
        match outcome {
            // What it read may be older than what another owner wrote since.
            Outcome::Read(Ok(_)) if late => Ok(()),
            Outcome::Read(Ok(entry)) => self.check_entry(store, tag, entry),
            Outcome::Written(value, Err(_)) if late => {
                self.oracle.attempt(tag, &Some(value));
                Ok(())
            }
            Outcome::Written(value, written) => {
                self.settle_write(store, tag, value, &written)?;
                if self.store.is_none() {
                    self.evicted_late = true;
                    return Ok(());
                }
                self.after_eviction(store, u64::MAX, true)
            }
            Outcome::Evicted(Err(_)) if late => {
                self.oracle.attempt(tag, &None);
                Ok(())
            }
            Outcome::Evicted(evicted) => self.settle_eviction(store, tag, &evicted),
            Outcome::Read(Err(_)) => Ok(()),
        }
    }

    /// Somebody deletes the lock. If that lets another owner in, the first one must not change anything
    /// any more.
    pub(super) fn supersede(&mut self, tag: usize) -> Checked {
        let old = self.opened()?;
        if self.sim.is_faulty() || self.sim.is_full() || self.excused {
            return Ok(());
        }
        for (path, _) in self.sim.files() {
            let private = path.parent() == Some(Path::new("/cache/.chia"));
            if private && path.to_string_lossy().contains("lock") {
                self.sim.delete(&path);
            }
        }
        let before = self.sim.clone();
        let Ok(new) = self.try_open()? else {
            self.sim = before;
            return Ok(());
        };
        // To the new owner the old one is as good as dead.
        self.oracle.died();
        self.store = Some(new.clone());
        self.verify_opened()?;
        let value = self.value(50, Origin::Real, 1);
        self.write(&new, (tag + 1) % self.tags.len(), value, false)?;
        let value = self.value(50, Origin::Real, 1);
        let written = operate::write(&old, &self.tags[tag], &value, false);
        if let Ok(Written::Stored { .. }) = written {
            // The old owner said so, hence all must see it.
            self.oracle.acknowledge(tag, Some(value), true);
        }
        let _ = old.clone().close();
        drop(old);
        self.read(&new, tag)?;
        let value = self.value(50, Origin::Real, 1);
        self.write(&new, tag, value, false)?;
        drop(new);
        self.die();
        self.opened().map(drop)
    }
}
