//! Openings that are refused, that change the policy, and that only look.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::world::{Checked, DIR, Damage, World, describe, violation};
use crate::io::Overlay;
use crate::{ByteSize, Error, ErrorKind, Options, Store};

impl World {
    /// The policy is the one asked for, and no more was evicted than was allowed.
    pub(super) fn check_opening(&mut self, store: &Store) -> Checked {
        if self.policy.is_some_and(|policy| policy != store.policy()) {
            return violation("wrong policy", format!("{}", store.policy()));
        }
        let allowed = std::mem::replace(&mut self.allow_shrink, true);
        let report = store.open_report();
        let held = report.entries + report.evicted;
        match report.clean && !allowed && report.evicted > held / 10 {
            true => violation("evicted without leave", format!("{report:?}")),
            false => Ok(()),
        }
    }

    /// Whether an opening was refused because of its budget.
    pub(super) fn is_refusal(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Pinned => true,
            ErrorKind::Shrink { .. } => !self.allow_shrink,
            _ => false,
        }
    }

    /// A refused opening leaves everything as it was: the next one, with room, checks that.
    pub(super) fn check_refusal(&mut self, error: &Error) -> Checked {
        let refused = match error.kind() {
            ErrorKind::Pinned => self.check_pins_exceed(self.budget),
            _ => Ok(()),
        };
        // A power loss that takes an unpinning or a removal can leave pins that do not fit together.
        let factor = if matches!(error.kind(), ErrorKind::Pinned) { 4 } else { 1 };
        self.budget = self.profile.budget * factor;
        self.allow_shrink = true;
        refused
    }

    /// A read-only store shows what its owner shows, and changes nothing.
    pub(super) fn look(&mut self, owner: &Store) -> Checked {
        let disturbed = self.sim.is_faulty() || self.excused || !self.pickles.is_empty();
        if disturbed || self.damage != Damage::None || !self.oracle.lossy.is_empty() {
            return Ok(());
        }
        let before = self.all_files();
        let io = Arc::new(Overlay::new(Arc::new(self.sim.clone())));
        let options = Options::new(ByteSize::new(u64::MAX / 2)).allow_shrink(true);
        let options = Options { read_only: true, ..options };
        let tuning = self.profile.tuning;
        let open = || Store::open_with(io, Path::new(DIR), options, tuning);
        let Ok(opened) = catch_unwind(AssertUnwindSafe(open)) else {
            return violation("panic", "a read-only opening panicked");
        };
        let seen = match opened {
            Ok(seen) => seen,
            Err(error) => return violation("read-only opening refused", describe(&error)),
        };
        let read = self.compare(owner, &seen);
        drop(seen);
        if self.all_files() != before {
            return violation("looking changed a file", "");
        }
        read
    }

    fn compare(&mut self, owner: &Store, seen: &Store) -> Checked {
        for tag in 0..self.tags.len() {
            match seen.read(&self.tags[tag]) {
                Ok(entry) => self.check_entry(owner, tag, entry)?,
                Err(error) => return violation("read-only read failed", describe(&error)),
            }
        }
        Ok(())
    }

    fn all_files(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let files = self.sim.files().into_iter();
        files.map(|(path, _)| (path.clone(), self.sim.contents(&path))).collect()
    }
}
