//! What opening a directory found.

use std::fmt;

use serde::Serialize;

/// What happened while a directory was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OpenReport {
    /// Entries held after opening.
    pub entries: u64,
    /// Whether the last owner stopped cleanly and nothing changed since, so that nothing had to be
    /// looked through.
    pub clean: bool,
    /// Records of the last owner's log that were applied.
    pub replayed: u64,
    /// Files that became entries: pickles found in the directory, and files re-adopted after the
    /// index was lost.
    pub adopted: u64,
    /// What was put into quarantine or is missing, and why.
    pub quarantined: Vec<Quarantined>,
    /// Pickle files that were left where they are without becoming entries, and why.
    pub ignored: Vec<Ignored>,
    /// Tags of entries whose file is gone or was cut off by a power loss.
    pub lost: Vec<String>,
    /// Entries evicted because the budget is smaller than before.
    pub evicted: u64,
    /// Leftovers of unfinished writes that were removed.
    pub leftovers: u64,
}

/// A file that was moved out of the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Quarantined {
    /// The name of the file.
    pub name: String,
    /// What was wrong with it.
    pub why: String,
}

/// A file that was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ignored {
    /// The name of the file.
    pub name: String,
    /// Why it is no entry.
    pub why: String,
}

impl OpenReport {
    /// Whether something was found that a user should hear of: damage, loss, or eviction.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        !self.quarantined.is_empty() || !self.lost.is_empty() || self.evicted > 0
    }
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.clean { "clean" } else { "unclean" };
        write!(f, "{} entries after a {stop} stop", self.entries)?;
        let counts = [
            (self.replayed, "log records applied"),
            (self.adopted, "files adopted"),
            (self.quarantined.len() as u64, "put into quarantine as damaged"),
            (self.ignored.len() as u64, "ignored"),
            (self.lost.len() as u64, "lost"),
            (self.evicted, "evicted to fit the budget"),
        ];
        for (count, what) in counts {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
