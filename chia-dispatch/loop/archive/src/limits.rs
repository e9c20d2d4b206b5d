//! How much an archive may hold.

use std::io::{self, Read};

use crate::contents::Contents;
use crate::entry::Node;
use crate::error::Overflow;
use crate::tar_header::{BLOCK, LONGEST_PATH};

/// What an entry may take beside its content: its header, those of a long name and a long target, the
/// names themselves, and what fills the last block of each.
const OVERHEAD: u64 = (6 * BLOCK + 2 * LONGEST_PATH) as u64;

/// What an archive may hold at most; a few bytes can claim to be terabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of all files.
    pub bytes: u64,
    /// Files, directories and links, the top one included.
    pub entries: u64,
}

impl Limits {
    /// Exactly what these contents need.
    #[must_use]
    pub fn exactly(contents: &Contents) -> Self {
        Self { bytes: contents.bytes, entries: contents.entries }
    }

    /// Takes an entry off what is allowed.
    pub(crate) fn take(&mut self, node: &Node) -> Option<()> {
        let size = if let Node::File { size, .. } = node { *size } else { 0 };
        self.bytes = self.bytes.checked_sub(size)?;
        self.entries = self.entries.checked_sub(1)?;
        Some(())
    }
}

/// The error of an archive beyond the limits.
pub(crate) fn overflow(limits: Limits) -> io::Error {
    io::Error::other(Overflow { bytes: limits.bytes, entries: limits.entries })
}

/// Reads no more than the largest archive within the limits has.
pub(crate) struct Bounded<R> {
    inner: R,
    left: u64,
    limits: Limits,
}

impl<R> Bounded<R> {
    pub(crate) fn new(inner: R, limits: Limits) -> Self {
        let headers = limits.entries.saturating_add(1).saturating_mul(OVERHEAD);
        Self { inner, left: limits.bytes.saturating_add(headers), limits }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left = self.left.checked_sub(length as u64);
        self.left = left.ok_or_else(|| overflow(self.limits))?;
        Ok(length)
    }
}
