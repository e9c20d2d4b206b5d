//! Where records lie, and what they are called.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::header::RunHeader;

/// The environment variable that names the directory of the records, or is `off`.
const VARIABLE: &str = "CHIA_RUNS";

/// The ending of a record's name.
const ENDING: &str = ".jsonl";

/// The directory for the records of a loop: what `CHIA_RUNS` says; else `chosen`; else `runs` in the
/// directory of the cache. `None`: the loop keeps no record.
#[must_use]
pub fn runs_folder(chosen: Option<&Path>, cache: Option<&Path>) -> Option<PathBuf> {
    folder_for(env::var_os(VARIABLE).map(PathBuf::from), chosen, cache)
}

fn folder_for(
    variable: Option<PathBuf>,
    chosen: Option<&Path>,
    cache: Option<&Path>,
) -> Option<PathBuf> {
    match variable {
        Some(off) if off == Path::new("off") => None,
        Some(dir) if !dir.as_os_str().is_empty() => Some(dir),
        _ => chosen.map(Path::to_owned).or_else(|| cache.map(|cache| cache.join("runs"))),
    }
}

/// The name of a run's file.
pub(crate) fn file_name(header: &RunHeader) -> String {
    format!("{}-{}{ENDING}", crate::time::compact(SystemTime::now()), header.id)
}

/// A record in a directory, by its name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordFile {
    /// The file.
    pub path: PathBuf,
    /// The run's id, from the name.
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl RecordFile {
    fn of(path: PathBuf) -> io::Result<Option<Self>> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((_, id)) = name.strip_suffix(ENDING).and_then(|stem| stem.split_once('-')) else {
            return Ok(None);
        };
        let id = id.to_owned();
        let facts = fs::symlink_metadata(&path)?;
        Ok(facts.is_file().then_some(Self { id, bytes: facts.len(), path }))
    }

    /// Whether a living process writes this record.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let Ok(file) = File::open(&self.path) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

/// The records in a directory, the oldest first. A directory that is not there has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(dir: &Path) -> Result<Vec<RecordFile>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read the directory", dir, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::io("read the directory", dir, error))?.path();
        match RecordFile::of(path.clone()) {
            Ok(record) => found.extend(record),
            // It was pruned in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("look at", &path, error)),
        }
    }
    found.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_beats_the_builder_and_the_builder_the_cache() {
        let path = |text: &str| Some(PathBuf::from(text));
        let (chosen, cache) = (Some(Path::new("b")), Some(Path::new("c")));
        assert_eq!(folder_for(path("a"), chosen, cache), path("a"));
        assert_eq!(folder_for(path("off"), chosen, cache), None);
        assert_eq!(folder_for(path(""), chosen, cache), path("b"));
        assert_eq!(folder_for(None, None, cache), path("c/runs"));
        assert_eq!(folder_for(None, None, None), None);
    }
}
