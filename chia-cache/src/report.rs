//! What opening a directory found.

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
    /// What was set aside, and why.
    pub set_aside: Vec<SetAside>,
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
pub struct SetAside {
    /// The name of the file.
    pub name: String,
    /// What was wrong with it.
    pub why: String,
}
