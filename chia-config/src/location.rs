//! Where a rule was written.

use std::fmt;
use std::panic;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The place where a rule or a pattern was written.
///
/// For rules from a file this is the file; for rules built in code it is the Rust source
/// line that built them. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    file: Arc<str>,
    line: u32,
    column: u32,
}

impl Location {
    pub(crate) fn new(file: Arc<str>, line: u32, column: u32) -> Self {
        Self { file, line, column }
    }

    /// The caller's place in the Rust sources.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        let caller = panic::Location::caller();
        Self::new(caller.file().into(), caller.line(), caller.column())
    }

    /// The file, as it was named when the rules were loaded.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> u32 {
        self.column
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
