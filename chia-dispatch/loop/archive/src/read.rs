//! Reading an archive: nothing in it is believed before it was checked, and nothing here writes.

use std::io::Read;
use std::path::Path;

use crate::contents::{Contents, TreeHasher};
use crate::entry::{Node, Order};
use crate::error::{Error, Result, unreadable};
use crate::limits::{Bounded, Limits, overflow};
use crate::source;
use crate::tar_header::{BLOCK, LongNames};

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
