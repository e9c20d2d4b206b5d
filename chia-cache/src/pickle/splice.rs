//! New bytes made of old ones: something before, a range of a source, something after.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes described as `prefix`, then a range of a source, then `suffix`.
///
/// The source is a file, a map or a buffer that the caller has; it is never copied here, so a splice of
/// any size costs a few bytes (and the tag).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    pub(super) prefix: Vec<u8>,
    pub(super) body: Range<u64>,
    pub(super) suffix: Vec<u8>,
}

impl Splice {
    /// The bytes before the body.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Which bytes of the source are the body.
    #[must_use]
    pub fn body(&self) -> Range<u64> {
        self.body.clone()
    }

    /// The bytes after the body.
    #[must_use]
    pub fn suffix(&self) -> &[u8] {
        &self.suffix
    }

    /// The length of the whole, in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        (self.prefix.len() + self.suffix.len()) as u64 + (self.body.end - self.body.start)
    }

    /// Whether the whole has no bytes. Never so for what this module returns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A reader of the whole that takes the body from `source`.
    ///
    /// # Errors
    /// Where `source` cannot seek to the start of the body. A source that is shorter than it was shows as an
    /// early end of the body.
    pub fn reader<R: Read + Seek>(self, mut source: R) -> io::Result<impl Read> {
        source.seek(SeekFrom::Start(self.body.start))?;
        let body = source.take(self.body.end - self.body.start);
        Ok(Cursor::new(self.prefix).chain(body).chain(Cursor::new(self.suffix)))
    }

    /// The whole in memory, for small values.
    ///
    /// # Panics
    /// Where `source` is shorter than the source that the splice was made for.
    #[must_use]
    pub fn apply(&self, source: &[u8]) -> Vec<u8> {
        let body = &source[self.body.start as usize..self.body.end as usize];
        [&self.prefix[..], body, &self.suffix[..]].concat()
    }
}
