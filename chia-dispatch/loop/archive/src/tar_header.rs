//! The headers of our archives: GNU tar without owners, times and whatever else differs from machine
//! to machine. What is read must be what would be written for the same entry.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tar::{EntryType, Header};

use crate::entry::{MODE, Node};
use crate::error::{Error, Result, unreadable};

/// The name of the top, if it is a directory and if it is a file.
const TOP_DIRECTORY: &[u8] = b".";
const TOP_FILE: &[u8] = b"content";

/// The name of a header whose content is the name, or the link's target, of the next one.
const LONG: &[u8] = b"././@LongLink";

/// Bytes that a name has room for in a header.
const FIELD: usize = 100;

/// The longest path and the longest name that Linux takes.
pub(crate) const LONGEST_PATH: usize = 4096;
const LONGEST_NAME: usize = 255;

/// Headers and contents fill whole blocks.
pub(crate) const BLOCK: usize = 512;

/// Writes the header of an entry, and before it those of its name and target if they are long.
pub(crate) fn write(out: &mut impl Write, path: &Path, node: &Node) -> io::Result<()> {
    let name = match node {
        _ if !path.as_os_str().is_empty() => path.as_os_str().as_bytes(),
        Node::File { .. } => TOP_FILE,
        Node::Directory { .. } | Node::Link { .. } => TOP_DIRECTORY,
    };
    if name.len() > FIELD {
        write_long(out, EntryType::GNULongName, name)?;
    }
    let target = target(node);
    if target.len() > FIELD {
        write_long(out, EntryType::GNULongLink, target)?;
    }
    out.write_all(of_node(name, node).as_bytes())
}

/// Fills the last block of `size` bytes.
pub(crate) fn pad(out: &mut impl Write, size: u64) -> io::Result<()> {
    let used = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    out.write_all(&[0; BLOCK][..(BLOCK - used) % BLOCK])
}

fn write_long(out: &mut impl Write, kind: EntryType, name: &[u8]) -> io::Result<()> {
    let size = name.len() as u64 + 1;
    out.write_all(header(kind, LONG, b"", 0, size).as_bytes())?;
    out.write_all(name)?;
    out.write_all(&[0])?;
    pad(out, size)
}

fn target(node: &Node) -> &[u8] {
    match node {
        Node::Link { target } => target.as_os_str().as_bytes(),
        Node::File { .. } | Node::Directory { .. } => b"",
    }
}

fn of_node(name: &[u8], node: &Node) -> Header {
    match node {
        Node::File { mode, size } => header(EntryType::Regular, name, b"", *mode, *size),
        Node::Directory { mode } => header(EntryType::Directory, name, b"", *mode, 0),
        Node::Link { .. } => header(EntryType::Symlink, name, target(node), MODE, 0),
    }
}

fn header(kind: EntryType, name: &[u8], target: &[u8], mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    let fields = header.as_old_mut();
    copy_into(&mut fields.name, name);
    copy_into(&mut fields.linkname, target);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header
}

/// As much as there is room for.
fn copy_into(field: &mut [u8; FIELD], bytes: &[u8]) {
    let length = bytes.len().min(FIELD);
    field[..length].copy_from_slice(&bytes[..length]);
}

/// The long names that came before the header they belong to.
#[derive(Default)]
pub(crate) struct LongNames {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl LongNames {
    /// Reads a long name. Gives back whether the entry was one.
    pub(crate) fn read(&mut self, entry: &mut tar::Entry<'_, impl io::Read>) -> Result<bool> {
        let slot = match entry.header().entry_type() {
            EntryType::GNULongName => &mut self.name,
            EntryType::GNULongLink => &mut self.target,
            _ => return Ok(false),
        };
        if entry.size() > LONGEST_PATH as u64 {
            return Err(Error::bad(format!("a name of {} bytes", entry.size())));
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(entry, &mut bytes).map_err(unreadable)?;
        if bytes.pop() != Some(0) {
            return Err(Error::bad("a long name without its end"));
        }
        if slot.replace(bytes).is_some() {
            return Err(Error::bad("two long names for one entry"));
        }
        Ok(true)
    }

    /// Whether a name waits for its entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.target.is_none()
    }

    /// The path and the kind of an entry with this header.
    pub(crate) fn parse(&mut self, header: &Header, is_first: bool) -> Result<(PathBuf, Node)> {
        let name = match self.name.take() {
            Some(name) => name,
            None => field(&header.as_old().name)?.to_vec(),
        };
        let target = match self.target.take() {
            Some(target) => target,
            None => field(&header.as_old().linkname)?.to_vec(),
        };
        let node = node(header, &name, &target)?;
        let path = match (is_first, &node) {
            (true, Node::File { .. }) if name == TOP_FILE => PathBuf::new(),
            (true, Node::Directory { .. }) if name == TOP_DIRECTORY => PathBuf::new(),
            _ => path(&name)?,
        };
        if of_node(&name, &node).as_bytes() != header.as_bytes() {
            let message =
                format!("{path:?} has an owner, a time or something else that is not kept");
            return Err(Error::bad(message));
        }
        Ok((path, node))
    }
}

/// What is before the first NUL; nothing may be behind it.
fn field(bytes: &[u8; FIELD]) -> Result<&[u8]> {
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(FIELD);
    if bytes[length..].iter().any(|byte| *byte != 0) {
        return Err(has_nul(bytes));
    }
    Ok(&bytes[..length])
}

fn node(header: &Header, name: &[u8], target: &[u8]) -> Result<Node> {
    let refused = |what: &str| Err(Error::bad(format!("{:?} is {what}", OsStr::from_bytes(name))));
    let mode = header.mode().map_err(unreadable)?;
    if mode & !MODE != 0 {
        return refused("to run as another user, or has other special permissions");
    }
    let size = header.entry_size().map_err(unreadable)?;
    if size > 0 && !header.entry_type().is_file() {
        return refused("no file, and has content");
    }
    match header.entry_type() {
        EntryType::Regular => Ok(Node::File { mode, size }),
        EntryType::Directory => Ok(Node::Directory { mode }),
        EntryType::Symlink if target.is_empty() => refused("a link to nothing"),
        EntryType::Symlink if target.contains(&0) => Err(has_nul(target)),
        EntryType::Symlink => Ok(Node::Link { target: OsStr::from_bytes(target).into() }),
        EntryType::Link => refused("a hard link"),
        EntryType::Char | EntryType::Block => refused("a device"),
        EntryType::Fifo => refused("a pipe"),
        EntryType::XHeader | EntryType::XGlobalHeader => refused("a pax header, not of GNU tar"),
        EntryType::GNUSparse => refused("a sparse file"),
        other => refused(&format!("of the unknown kind {:?}", char::from(other.as_byte()))),
    }
}

/// A path that stays below the top whatever is there.
fn path(name: &[u8]) -> Result<PathBuf> {
    let shown = OsStr::from_bytes(name);
    if name.contains(&0) {
        return Err(has_nul(name));
    }
    if name.starts_with(b"/") {
        return Err(Error::bad(format!("{shown:?} is an absolute path")));
    }
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b".." => return Err(Error::bad(format!("{shown:?} may lead out of the directory"))),
            b"" | b"." => return Err(Error::bad(format!("{shown:?} has an empty part"))),
            _ if part.len() > LONGEST_NAME => {
                return Err(Error::bad(format!("a name of {} bytes", part.len())));
            }
            _ => {}
        }
    }
    Ok(shown.into())
}

fn has_nul(name: &[u8]) -> Error {
    let end = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Error::bad(format!("{:?} has a NUL in its name", OsStr::from_bytes(&name[..end])))
}
