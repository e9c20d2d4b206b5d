//! Files that no index names: ours, by their trailer, and the Python original's, by their head. No
//! value is read, and nothing is unpickled.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{Trailer, name};
use crate::io::{Io, IoFile, Metadata, Open};
use crate::meta::{Cut, Meta, Place};
use crate::pickle::{PickleError, read_entry};
use crate::{Codec, Origin};

/// What a file turned out to be.
#[derive(Debug)]
pub(crate) enum Finding {
    /// A file that a store wrote: this one or another.
    Ours(Trailer),
    /// A pickle of `(tag, data)`.
    Pickle { tag: String, meta: Meta },
    /// Neither, and why.
    Other(PickleError),
}

/// Looks at a file's ends.
pub(crate) fn find(io: &dyn Io, dir: &Path, file_name: &str) -> io::Result<Finding> {
    let path = dir.join(file_name);
    let file = io.open(&path, Open::Read)?;
    if let Some(mut trailer) = Trailer::read(&*file)? {
        // Under another name than its own it is kept as a file that was found.
        if let (Place::File { cut, .. }, false) =
            (&trailer.meta.place, name(&trailer.tag, &trailer.meta).as_deref() == Some(file_name))
        {
            trailer.meta.place =
                Place::Found { name: file_name.to_owned(), cut: cut.clone(), stamp: None };
        }
        return Ok(Finding::Ours(trailer));
    }
    let found = io.metadata(&path)?;
    match read_entry(&mut Seeker { file: &*file, len: found.len, at: 0 }) {
        Ok((head, splice)) => {
            let body = splice.body();
            let cut = Cut {
                prefix: splice.prefix().to_vec(),
                start: body.start,
                end: body.end,
                suffix: splice.suffix().to_vec(),
            };
            Ok(Finding::Pickle {
                tag: head.tag().to_owned(),
                meta: meta(file_name, &found, splice.len(), cut),
            })
        }
        Err(why) => Ok(Finding::Other(why)),
    }
}

/// The original keeps neither facts nor a checksum: its entries count as written by hand.
fn meta(file_name: &str, found: &Metadata, len: u64, cut: Cut) -> Meta {
    Meta {
        function: None,
        origin: Origin::Manual,
        codec: Codec::Pickle,
        created: found
            .modified
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64),
        compute_time: None,
        len,
        checksum: None,
        generation: 0,
        provenance: None,
        expires: None,
        pinned: false,
        place: Place::Found { name: file_name.to_owned(), cut, stamp: Some(found.stamp()) },
    }
}

/// An open file as a reader.
struct Seeker<'a> {
    file: &'a dyn IoFile,
    len: u64,
    at: u64,
}

impl Read for Seeker<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(self.at, buf)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Seeker<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
