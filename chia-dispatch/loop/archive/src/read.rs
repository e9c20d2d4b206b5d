//! Reading an archive: nothing in it is believed before it was checked, and nothing here writes.

use std::io::{self, Read};
use std::path::Path;

use crate::contents::{Contents, TreeHasher};
use crate::entry::{Node, Order};
use crate::error::{Error, Overflow, Result, unreadable};
use crate::source;
use crate::tar_header::{BLOCK, LONGEST_PATH, LongNames};
use crate::unpack::Limits;

/// What an entry may take beside its content: its header, those of a long name and a long target, the
/// names themselves, and what fills the last block of each.
const OVERHEAD: u64 = (6 * BLOCK + 2 * LONGEST_PATH) as u64;

/// Hands every entry of an archive to `visit`, which reads the content of files and gives back its
/// hash (see [`content`]).
pub(crate) fn read(
    archive: impl Read,
    limits: Limits,
    mut visit: impl FnMut(&Path, &Node, &mut dyn Read) -> Result<u128>,
) -> Result<Contents> {
    let decoder = zstd::Decoder::new(archive).map_err(unreadable)?;
    let mut archive = tar::Archive::new(Bounded::new(decoder, limits));
    let (mut order, mut tree) = (Order::default(), TreeHasher::new());
    let (mut budget, mut names) = (limits, LongNames::default());
    for entry in archive.entries().map_err(unreadable)?.raw(true) {
        let mut entry = entry.map_err(unreadable)?;
        if names.read(&mut entry)? {
            continue;
        }
        let (path, node) = names.parse(entry.header(), order.is_empty())?;
        order.next(&path, &node)?;
        budget.take(&node).ok_or_else(|| unreadable(overflow(limits)))?;
        let content = visit(&path, &node, &mut entry)?;
        tree.add(&path, &node, content);
    }
    if order.is_empty() || !names.is_empty() {
        return Err(Error::bad("the archive ends too early"));
    }
    end(archive.into_inner())?;
    Ok(tree.finish())
}

/// Reads the content of a file; gives back its hash.
pub(crate) fn content(
    entry: &mut dyn Read,
    size: u64,
    sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u128> {
    let (bytes, digest) = source::copy(entry, size, unreadable, sink)?;
    if bytes == size { Ok(digest) } else { Err(Error::bad("the archive ends within a file")) }
}

/// An archive ends with two blocks of zeros, of which one is read.
fn end(rest: impl Read) -> Result<()> {
    let mut tail = Vec::new();
    rest.take(BLOCK as u64 + 1).read_to_end(&mut tail).map_err(unreadable)?;
    if tail == [0; BLOCK] {
        Ok(())
    } else {
        Err(Error::bad("the archive does not end as it should"))
    }
}

impl Limits {
    /// Takes an entry off what is allowed.
    fn take(&mut self, node: &Node) -> Option<()> {
        let size = if let Node::File { size, .. } = node { *size } else { 0 };
        self.bytes = self.bytes.checked_sub(size)?;
        self.entries = self.entries.checked_sub(1)?;
        Some(())
    }
}

fn overflow(limits: Limits) -> io::Error {
    io::Error::other(Overflow { bytes: limits.bytes, entries: limits.entries })
}

/// Reads no more than the largest archive within the limits has.
struct Bounded<R> {
    inner: R,
    left: u64,
    limits: Limits,
}

impl<R> Bounded<R> {
    fn new(inner: R, limits: Limits) -> Self {
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
