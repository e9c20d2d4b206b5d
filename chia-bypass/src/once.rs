//! Saying a thing once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Remembers which names it has been asked about.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<HashSet<String>>);

impl Once {
    /// True the first time a name is asked about.
    pub(crate) fn first(&self, name: &str) -> bool {
        // A set is never half changed, so a poisoned one is as good as any.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !seen.contains(name) && seen.insert(name.to_owned())
    }
}
