//! What a provider or a condition learns of the call that it stands in for.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use chia_dispatch::Result;
use chia_services::codec::{self, Value};
use chia_services::{CacheClient, FileClient};

/// The call that is being decided or replaced: tag, data path, what the loop captured, and the way
/// to the cache and the recorded files.
#[derive(Clone)]
pub struct Site {
    pub(crate) tag: Option<String>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) capture: Bytes,
    pub(crate) cache: Option<CacheClient>,
    pub(crate) files: Option<FileClient>,
}

impl Site {
    /// The call's tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The `data:` path of the rules: a path on the driver's node, to be read through [`files`](Self::files).
    #[must_use]
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// What the loop gave along when it selected this provider or condition.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) when it gave nothing, or another type.
    pub fn capture<T: Value>(&self) -> Result<T> {
        codec::decode(&self.capture)
    }

    /// The loop's cache, if it has one.
    #[must_use]
    pub fn cache(&self) -> Option<&CacheClient> {
        self.cache.as_ref()
    }

    /// The recorded files that the rules name, if they name any.
    #[must_use]
    pub fn files(&self) -> Option<&FileClient> {
        self.files.as_ref()
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("tag", &self.tag)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}
