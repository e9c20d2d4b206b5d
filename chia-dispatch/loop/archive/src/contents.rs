//! What a file or a tree holds, in three numbers and a hash.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::entry::Node;

/// Begins what is hashed, so that another way to hash gives other digests.
const VERSION: &[u8] = b"chia-archive 1\n";

/// A hash of 128 bits (XXH3) of a file's or a tree's contents. It tells accidental changes apart;
/// it is no protection against somebody who makes two contents with the same digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The bytes, the most significant one first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Whether something is a file or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// One file.
    File,
    /// A directory with all that is below it.
    Directory,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Directory => "directory",
        })
    }
}

/// What a file or a tree holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contents {
    /// Whether it is a file or a directory.
    pub kind: Kind,
    /// The hash of names, contents, executable bits and targets of symbolic links.
    pub digest: Digest,
    /// The bytes of all files.
    #[serde(with = "postcard::fixint::le")]
    pub bytes: u64,
    /// Files, directories and links, the top one included.
    #[serde(with = "postcard::fixint::le")]
    pub entries: u64,
}

/// Hashes a tree, entry by entry in the order of their paths.
pub(crate) struct TreeHasher {
    hasher: XxHash3_128,
    bytes: u64,
    entries: u64,
    kind: Kind,
}

impl TreeHasher {
    pub(crate) fn new() -> Self {
        let mut hasher = XxHash3_128::new();
        hasher.write(VERSION);
        Self { hasher, bytes: 0, entries: 0, kind: Kind::File }
    }

    /// Adds an entry; `content` is the hash of a file's bytes.
    pub(crate) fn add(&mut self, path: &Path, node: &Node, content: u128) {
        if self.entries == 0 && matches!(node, Node::Directory { .. }) {
            self.kind = Kind::Directory;
        }
        self.entries += 1;
        self.hasher.write(&[node.letter()]);
        self.sized(path.as_os_str().as_bytes());
        match node {
            Node::Directory { .. } => {}
            Node::Link { target } => self.sized(target.as_os_str().as_bytes()),
            Node::File { mode, size } => {
                self.bytes += size;
                self.hasher.write(&[u8::from(mode & 0o100 != 0)]);
                self.hasher.write(&size.to_le_bytes());
                self.hasher.write(&content.to_be_bytes());
            }
        }
    }

    pub(crate) fn finish(self) -> Contents {
        let digest = Digest(self.hasher.finish_128().to_be_bytes());
        Contents { kind: self.kind, digest, bytes: self.bytes, entries: self.entries }
    }

    /// The length goes first, so that no two lists of parts are hashed as the same bytes.
    fn sized(&mut self, bytes: &[u8]) {
        self.hasher.write(&(bytes.len() as u64).to_le_bytes());
        self.hasher.write(bytes);
    }
}
