//! What the tests share: looking at trees, and archives that `pack` would not write.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test needs everything")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chia_archive::Limits;
use tar::{EntryType, Header};

/// Enough for every test.
pub(crate) const AMPLE: Limits = Limits { bytes: 1 << 30, entries: 10_000 };

/// Every path below a folder, with what is there: permissions, and content or target.
pub(crate) fn listing(top: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(path) = open.pop() {
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        let mode = if meta.is_symlink() { 0 } else { meta.mode() };
        all.push((path.strip_prefix(top).unwrap().to_owned(), mode, content));
    }
    all.sort();
    all
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// An archive entry, as `pack` writes it but for what a test changes.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) header: Header,
    pub(crate) content: Vec<u8>,
}

impl Raw {
    pub(crate) fn new(kind: EntryType, name: &[u8], mode: u32, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        Self { header, content: content.to_vec() }
    }

    pub(crate) fn change(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }
}

pub(crate) fn top() -> Raw {
    directory(".")
}

pub(crate) fn directory(name: &str) -> Raw {
    Raw::new(EntryType::Directory, name.as_bytes(), 0o755, b"")
}

pub(crate) fn file(name: &str, content: &str) -> Raw {
    Raw::new(EntryType::Regular, name.as_bytes(), 0o644, content.as_bytes())
}

pub(crate) fn link(name: &str, target: &str) -> Raw {
    Raw::new(EntryType::Symlink, name.as_bytes(), 0o777, b"")
        .change(|h| h.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes()))
}

pub(crate) fn long(kind: EntryType, name: &[u8]) -> Raw {
    Raw::new(kind, b"././@LongLink", 0, name)
}

/// The bytes of a tar archive.
pub(crate) fn tar_of(entries: &[Raw]) -> Vec<u8> {
    let mut tar = Vec::new();
    for Raw { header, content } in entries {
        let mut header = header.clone();
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(crate) fn compressed(tar: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(tar).unwrap();
    encoder.finish().unwrap()
}
