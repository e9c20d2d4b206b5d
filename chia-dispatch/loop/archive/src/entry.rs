//! One entry of a tree: a path below the top and what is there.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The permission bits that are kept. Those that change the user a program runs as are not.
pub(crate) const MODE: u32 = 0o777;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    File { mode: u32, size: u64 },
    Directory { mode: u32 },
    Link { target: PathBuf },
}

impl Node {
    /// What stands for the kind of entry in a digest.
    pub(crate) fn letter(&self) -> u8 {
        match self {
            Self::File { .. } => b'f',
            Self::Directory { .. } => b'd',
            Self::Link { .. } => b'l',
        }
    }
}

/// Holds the entries of an archive against the one order that [`pack`](crate::pack) writes: the top
/// first, siblings by their bytes, a directory right before what it holds. So no path comes twice,
/// and everything lies in a directory that came before it: never behind a link.
#[derive(Default)]
pub(crate) struct Order {
    last: Option<(PathBuf, bool)>,
}

impl Order {
    /// Takes the next entry.
    pub(crate) fn next(&mut self, path: &Path, node: &Node) -> Result<()> {
        let is_top = path.as_os_str().is_empty();
        match &self.last {
            None if is_top && matches!(node, Node::Link { .. }) => {
                return Err(Error::bad("the archive holds nothing but a link"));
            }
            None if is_top => {}
            None => return Err(Error::bad(format!("{path:?} comes before the top of the tree"))),
            Some((last, _)) if path == last => {
                return Err(Error::bad(format!("{path:?} comes twice")));
            }
            Some((last, _)) if path < last => {
                let message = format!("{path:?} comes after {last:?}: twice, or out of order");
                return Err(Error::bad(message));
            }
            Some((last, is_directory)) => below(path, last, *is_directory)?,
        }
        self.last = Some((path.to_owned(), matches!(node, Node::Directory { .. })));
        Ok(())
    }

    /// Whether there was an entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none()
    }
}

/// Whatever is above the last entry is a directory; the last entry itself may be one.
fn below(path: &Path, last: &Path, is_directory: bool) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    if parent == last && !is_directory {
        return Err(Error::bad(format!("{path:?} lies below {last:?}, which is no directory")));
    }
    if !last.starts_with(parent) {
        return Err(Error::bad(format!(
            "{path:?} lies in a directory that does not come before it"
        )));
    }
    Ok(())
}
