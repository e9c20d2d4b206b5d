//! `data` cut out of an entry, as a pickle of its own.

use std::io::{Read, Seek, SeekFrom};

use super::error::{PickleError, PickleErrorKind as Kind};
use super::head::Head;
use super::opcode as op;
use super::splice::Splice;

/// Reads head and last bytes of a `(tag, data)` pickle: its tag, and how to make a stand-alone pickle of `data`.
///
/// # Errors
/// Those of [`Head::read`] and [`Head::value`].
pub fn read_entry<R: Read + Seek>(source: &mut R) -> Result<(Head, Splice), PickleError> {
    source.rewind().map_err(|cause| PickleError::io(0, cause))?;
    let head = Head::read(&mut *source)?;
    let io = |cause| PickleError::io(head.data_offset, cause);
    let len = source.seek(SeekFrom::End(0)).map_err(io)?;
    let mut last = vec![0; head.tail_len(len)];
    source.seek(SeekFrom::Start(len - last.len() as u64)).map_err(io)?;
    source.read_exact(&mut last).map_err(io)?;
    let value = head.value(len, &last)?;
    Ok((head, value))
}

impl Head {
    /// How to make a stand-alone pickle of `data` from the file that this head was read from.
    ///
    /// `last` is the last [`tail_len`](Head::tail_len) bytes (or more) of the file, `file_len` its length.
    /// For a file made by [`entry_from_pickle`](super::entry_from_pickle) the result is byte for byte the
    /// pickle that went in.
    ///
    /// `data` may refer to the tag by the memo. So where the tag is in the memo, the new pickle first puts it
    /// there and pops it. A frame that held both is announced anew with the length that is left. The tuple opcode is
    /// dropped; where that would change the length of a last frame it becomes a `MEMOIZE`, which nothing looks up.
    ///
    /// # Errors
    /// [`Truncated`](super::PickleErrorKind::Truncated) where the file is cut off,
    /// [`NotAnEntry`](super::PickleErrorKind::NotAnEntry) where it ends as something else.
    /// Damage between the head and the last bytes is not seen; a checksum has to tell.
    pub fn value(&self, file_len: u64, last: &[u8]) -> Result<Splice, PickleError> {
        let tail = self.tail(file_len, last)?;
        let body = self.data_offset..file_len.saturating_sub(tail.len() as u64 + 1);
        if body.is_empty() {
            return Err(PickleError::new(Kind::NotAnEntry, file_len, "it has no data"));
        }
        let suffix = if self.tail_may_be_framed() {
            [&[op::MEMOIZE], tail].concat()
        } else {
            vec![op::STOP]
        };
        Ok(Splice { prefix: self.value_prefix(), body, suffix })
    }

    fn value_prefix(&self) -> Vec<u8> {
        let mut prefix = vec![op::PROTO, self.protocol];
        if !self.memo_op.is_empty() {
            prefix.extend_from_slice(&self.tag_op);
            prefix.extend_from_slice(&self.memo_op);
            prefix.push(op::POP);
        }
        if self.frame_left > 0 {
            prefix.push(op::FRAME);
            prefix.extend_from_slice(&self.frame_left.to_le_bytes());
        }
        prefix
    }

    /// Whether the last bytes can lie in a frame, whose length says that they are there.
    ///
    /// CPython never makes a pair with `MARK`; those who do write no frames, or are this module, which
    /// puts tag and `STOP` outside of them.
    fn tail_may_be_framed(&self) -> bool {
        let made_here = self.marked && !self.tag_framed && self.memo_op.is_empty();
        self.protocol >= op::FIRST_FRAMED && !made_here
    }
}
