//! The segments of the log that the last owner has left.

use super::file_name;
use crate::error::{Error, Result};
use crate::io::Io;
use crate::log::segment::{Found, Segment};
use crate::quarantine::Quarantine;
use crate::report::{OpenReport, Quarantined};

/// What the last owner's log holds.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// Oldest first.
    pub(super) list: Vec<Segment>,
    /// A part of the log cannot be read.
    pub(super) damaged: bool,
}

impl Segments {
    pub(super) fn find(
        io: &dyn Io,
        quarantine: &Quarantine<'_>,
        logs: &[std::path::PathBuf],
        report: &mut OpenReport,
    ) -> Result<Self> {
        let mut found = Self::default();
        for path in logs {
            match Segment::find(io, path).map_err(|e| Error::io("read", path, e))? {
                Found::Nothing => {}
                Found::Segment(segment) => found.list.push(segment),
                Found::Damaged => {
                    found.damaged = true;
                    let name = quarantine.take(path, &file_name(path))?;
                    tracing::warn!(name, "a log cannot be read and is put into quarantine");
                    let why = "its header does not match its checksum".to_owned();
                    report.quarantined.push(Quarantined { name, why });
                }
            }
        }
        found.list.sort_by_key(|segment| segment.epoch);
        Ok(found)
    }

    /// The epoch to go on with: a new one, in the file that has not the newest records.
    pub(super) fn next_epoch(&self, checkpointed: u64) -> u64 {
        let Some(newest) = self.list.iter().map(|segment| segment.epoch).max() else {
            return checkpointed + 1;
        };
        let next = newest.max(checkpointed) + 1;
        if next % 2 == newest % 2 { next + 1 } else { next }
    }

    pub(super) fn retain_newer(&mut self, than: Option<u64>) {
        self.list.retain(|segment| than.is_none_or(|than| segment.epoch > than));
    }
}
