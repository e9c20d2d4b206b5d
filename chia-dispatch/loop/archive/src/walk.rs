//! Walks a tree in the order in which it is packed and hashed.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::entry::{MODE, Node};
use crate::error::{Error, ErrorKind, Result, io_at};
use crate::source;

/// Something that was found.
pub(crate) struct Found {
    /// Where it is below the top, which is the empty path.
    pub(crate) path: PathBuf,
    /// Where it is.
    pub(crate) full: PathBuf,
    pub(crate) meta: Metadata,
    pub(crate) node: Node,
}

/// Everything below a path, the path itself first; only that one is followed if it is a link.
pub(crate) struct Walk {
    top: PathBuf,
    /// What is still to come, the next one last.
    open: Vec<PathBuf>,
}

impl Walk {
    pub(crate) fn new(top: &Path) -> Result<Self> {
        Ok(Self { top: source::real(top)?, open: vec![PathBuf::new()] })
    }

    fn find(&mut self, path: PathBuf) -> Result<Found> {
        // Joining an empty path would append a slash.
        let is_top = path.as_os_str().is_empty();
        let full = if is_top { self.top.clone() } else { self.top.join(&path) };
        let meta = fs::symlink_metadata(&full).map_err(io_at("look at", &full))?;
        let node = node(&full, &meta)?;
        if let Node::Directory { .. } = node {
            self.open.extend(names(&full)?.into_iter().rev().map(|name| path.join(name)));
        }
        Ok(Found { path, full, meta, node })
    }
}

impl Iterator for Walk {
    type Item = Result<Found>;

    fn next(&mut self) -> Option<Result<Found>> {
        let path = self.open.pop()?;
        Some(self.find(path))
    }
}

fn names(folder: &Path) -> Result<Vec<OsString>> {
    let failed = io_at("list", folder);
    let entries = fs::read_dir(folder).map_err(&failed)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names: Vec<OsString> = names.collect::<Result<_, _>>().map_err(&failed)?;
    names.sort_unstable();
    Ok(names)
}

fn node(full: &Path, meta: &Metadata) -> Result<Node> {
    let (kind, mode) = (meta.file_type(), meta.mode() & MODE);
    if kind.is_file() {
        return Ok(Node::File { mode, size: meta.len() });
    }
    if kind.is_dir() {
        return Ok(Node::Directory { mode });
    }
    if kind.is_symlink() {
        return Ok(Node::Link { target: fs::read_link(full).map_err(io_at("read", full))? });
    }
    let what = if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let message =
        format!("{} is {what}: only files, directories and links are kept", full.display());
    Err(Error::new(ErrorKind::Unsupported, message))
}
