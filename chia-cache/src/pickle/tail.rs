//! The last bytes of an entry: the opcode that makes the tuple, its memo opcode, `STOP`.

use super::error::{PickleError, PickleErrorKind as Kind};
use super::head::Head;
use super::opcode as op;

/// `TUPLE2`, `LONG_BINPUT` with four bytes, `STOP`.
const LONGEST: u64 = 7;

impl Head {
    /// How many of the last bytes of a file of `file_len` bytes [`Head::value`] wants to see (at most 7).
    #[must_use]
    pub fn tail_len(&self, file_len: u64) -> usize {
        LONGEST.min(file_len.saturating_sub(self.data_offset)) as usize
    }

    /// The opcodes after `data` but for the first, the one that makes the tuple.
    ///
    /// Read backwards, the operand of a memo opcode could pass for an opcode. The tag tells them apart:
    /// a pickler that numbers the tag numbers the tuple, one that uses `MEMOIZE` for it does so for both, and
    /// one that leaves it out leaves out both. What remains is a file that `pickletools.optimize` stripped, in protocol
    /// 2 or 3, of the tuple's number but not of the tag's, and whose `data` happens to end in `TUPLE2 BINPUT` as
    /// part of a string; it is taken for the numbered form.
    pub(super) fn tail<'a>(&self, file_len: u64, last: &'a [u8]) -> Result<&'a [u8], PickleError> {
        let truncated = |what| PickleError::new(Kind::Truncated, file_len, what);
        if self.frame_left > file_len.saturating_sub(self.data_offset) {
            return Err(truncated("its first frame goes on after its end"));
        }
        if last.last() != Some(&op::STOP) {
            return Err(truncated("its last byte is not STOP"));
        }
        let lengths: &[usize] = match self.memo_op.first() {
            Some(&op::MEMOIZE) => &[2, 1],
            Some(_) => &[6, 3, 1],
            None => &[1],
        };
        let maker = if self.marked { op::TUPLE } else { op::TUPLE2 };
        let found = lengths.iter().find_map(|&len| {
            let start = last.len().checked_sub(len)?;
            let fits = start > 0 && last[start - 1] == maker && is_memo_and_stop(&last[start..]);
            fits.then(|| &last[start..])
        });
        found.ok_or_else(|| {
            PickleError::new(Kind::NotAnEntry, file_len, "its last opcodes do not make a 2-tuple")
        })
    }
}

fn is_memo_and_stop(tail: &[u8]) -> bool {
    match tail {
        [stop] => *stop == op::STOP,
        [memo, _] => *memo == op::MEMOIZE,
        [memo, _, _] => *memo == op::BINPUT,
        [memo, ..] => *memo == op::LONG_BINPUT,
        [] => false,
    }
}
