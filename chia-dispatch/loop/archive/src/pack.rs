//! Packing a file or a tree.

use std::io::Write;
use std::path::Path;

use crate::contents::{Contents, TreeHasher};
use crate::entry::Node;
use crate::error::{Result, unwritable};
use crate::source::Source;
use crate::tar_header::{self, BLOCK};
use crate::walk::{Found, Walk};

/// The default level of zstd: several hundred megabytes a second.
const LEVEL: i32 = zstd::DEFAULT_COMPRESSION_LEVEL;

/// Packs a file, or a directory with all that is below it, and says what it holds.
///
/// The bytes depend on names, contents, permissions and targets of links, and on nothing else: not on
/// times, owners, the path itself or the order in which the system lists a directory. The path is
/// followed if it is a symbolic link; links below it are kept as they are, wherever they lead. Hard
/// links become files of their own.
///
/// The result is a tar archive, compressed by zstd: `tar --zstd -xf` unpacks it too.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if something cannot be read or written,
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a device, a socket or a pipe, and
/// [`Changed`](crate::ErrorKind::Changed) if a file changes meanwhile.
pub fn pack(path: impl AsRef<Path>, out: impl Write) -> Result<Contents> {
    let mut out = zstd::Encoder::new(out, LEVEL).map_err(unwritable)?;
    out.include_checksum(true).map_err(unwritable)?;
    let mut tree = TreeHasher::new();
    for found in Walk::new(path.as_ref())? {
        let found = found?;
        let content = pack_entry(&found, &mut out)?;
        tree.add(&found.path, &found.node, content);
    }
    out.write_all(&[0; 2 * BLOCK]).map_err(unwritable)?;
    out.finish().and_then(|mut out| out.flush()).map_err(unwritable)?;
    Ok(tree.finish())
}

/// Packs one entry; gives back the hash of its content.
fn pack_entry(found: &Found, out: &mut impl Write) -> Result<u128> {
    let Node::File { size, .. } = found.node else {
        tar_header::write(out, &found.path, &found.node).map_err(unwritable)?;
        return Ok(0);
    };
    let source = Source::open(&found.full, &found.meta)?;
    tar_header::write(out, &found.path, &found.node).map_err(unwritable)?;
    let content = source.copy(|part| out.write_all(part).map_err(unwritable))?;
    tar_header::pad(out, size).map_err(unwritable)?;
    Ok(content)
}
