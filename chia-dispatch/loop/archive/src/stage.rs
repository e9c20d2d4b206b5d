//! Writes a tree beside its target, then moves it there in one step.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::TempDir;

use crate::entry::Node;
use crate::error::{Error, ErrorKind, Result, io_at};
use crate::read;
use crate::walk::Walk;

/// What the name of a staging folder begins with.
const PREFIX: &str = ".chia-archive-";

/// Where a tree goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where nothing is.
    New,
    /// Where something may be, which is removed.
    Replace,
}

/// A tree under way. Dropped before it is [finished](Self::finish), it leaves nothing behind.
pub(crate) struct Stage {
    target: PathBuf,
    /// The top if that is a directory, so that it stays in its parent when it is moved; else what
    /// holds the file.
    folder: TempDir,
    /// The top, if it is a file.
    file: Option<PathBuf>,
    /// Permissions of directories; they must not hinder us before the end.
    modes: Vec<(PathBuf, u32)>,
}

impl Stage {
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let target = std::path::absolute(target).map_err(io_at("find", target))?;
        let (Some(parent), Some(_)) = (target.parent(), target.file_name()) else {
            let message = format!("{} cannot be unpacked to", target.display());
            return Err(Error::new(ErrorKind::Exists, message));
        };
        let folder = folder_in(parent)?;
        Ok(Self { target, folder, file: None, modes: Vec::new() })
    }

    /// Writes an entry, whose path and order were checked; gives back the hash of its content.
    pub(crate) fn add(&mut self, path: &Path, node: &Node, content: &mut dyn Read) -> Result<u128> {
        let is_top = path.as_os_str().is_empty();
        let full = match node {
            Node::File { .. } if is_top => self.folder.path().join("content"),
            _ if is_top => self.folder.path().to_owned(),
            _ => self.folder.path().join(path),
        };
        let failed = io_at("write", &full);
        match node {
            Node::File { mode, size } => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                let mut file = options.open(&full).map_err(&failed)?;
                let sink = |part: &[u8]| file.write_all(part).map_err(&failed);
                let digest = read::content(content, *size, sink)?;
                file.set_permissions(Permissions::from_mode(*mode)).map_err(&failed)?;
                self.file = self.file.take().or(is_top.then(|| full.clone()));
                return Ok(digest);
            }
            Node::Directory { mode } => {
                if !is_top {
                    DirBuilder::new().mode(0o700).create(&full).map_err(&failed)?;
                }
                self.modes.push((full.clone(), *mode));
            }
            Node::Link { target } => symlink(target, &full).map_err(&failed)?,
        }
        Ok(0)
    }

    /// Moves the tree to its target.
    pub(crate) fn finish(self, place: Place) -> Result<()> {
        for (path, mode) in self.modes.iter().rev() {
            set_mode(path, *mode)?;
        }
        let staged = self.file.as_deref().unwrap_or(self.folder.path());
        let there = match fs::symlink_metadata(&self.target) {
            Ok(meta) => Some(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_at("look at", &self.target)(error)),
        };
        match (there, place) {
            (None, _) => rename(staged, &self.target),
            (Some(_), Place::New) => Err(exists(&self.target)),
            // A file takes the place of a file by itself.
            (Some(meta), Place::Replace) if self.file.is_some() && !meta.is_dir() => {
                rename(staged, &self.target)
            }
            (Some(_), Place::Replace) => exchange(staged, &self.target),
        }
    }
}

/// The error that something is at the target.
pub(crate) fn exists(target: &Path) -> Error {
    let message = format!("{} is there already, and holds something else", target.display());
    Error::new(ErrorKind::Exists, message)
}

fn folder_in(parent: &Path) -> Result<TempDir> {
    let private = Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent);
    folder.map_err(io_at("write to", parent))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(io_at("write", to))
}

/// Puts what is staged in the place of the target, and removes what was there.
fn exchange(staged: &Path, target: &Path) -> Result<()> {
    let parent = target.parent().unwrap_or(Path::new("."));
    match renameat_with(CWD, staged, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => remove_all(staged),
        // The file system cannot: the target is away for a moment.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            let away = folder_in(parent)?;
            let old = away.path().join("old");
            rename(target, &old)?;
            rename(staged, target)?;
            remove_all(&old)
        }
        Err(error) => Err(io_at("replace", target)(error.into())),
    }
}

fn remove_all(path: &Path) -> Result<()> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    if !is_directory {
        return fs::remove_file(path).map_err(io_at("remove", path));
    }
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    // Directories that nobody may write to keep what they hold.
    for found in Walk::new(path)?.flatten() {
        if let Node::Directory { mode } = found.node {
            set_mode(&found.full, mode | 0o700)?;
        }
    }
    fs::remove_dir_all(path).map_err(io_at("remove", path))
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_at("write", path))
}
