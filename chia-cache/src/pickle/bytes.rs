//! Raw bytes as the pickle of a `bytes` object, and back, without a copy.

use std::ops::Range;

use super::opcode as op;
use super::splice::Splice;

/// How to make the pickle (protocol 4) of a `bytes` object of `len` bytes from the raw bytes.
#[must_use]
pub fn bytes_pickle(len: u64) -> Splice {
    let prefix = [&[op::PROTO, op::FIRST_FRAMED], &bytes_opcode(len)[..]].concat();
    Splice { prefix, body: 0..len, suffix: vec![op::STOP] }
}

/// Where the raw bytes lie in the pickle of a `bytes` or `bytearray` object, or `None` if the pickle is of
/// anything else.
///
/// `first` is the first 20 bytes (or all, or more) of a stand-alone pickle of `len` bytes, `last` its last 3 bytes
/// (or more). Understood are the pickles that CPython makes of them with protocols 3 to 5, and those of
/// [`bytes_pickle`].
#[must_use]
pub fn bytes_payload(first: &[u8], last: &[u8], len: u64) -> Option<Range<u64>> {
    let [op::PROTO, 3..=5, rest @ ..] = first else {
        return None;
    };
    let rest = match rest {
        [op::FRAME, rest @ ..] => rest.get(8..)?,
        rest => rest,
    };
    let (size, operand) = match *rest.first()? {
        op::SHORT_BINBYTES => (u64::from(*rest.get(1)?), 1),
        op::BINBYTES => (u64::from(u32::from_le_bytes(rest.get(1..5)?.try_into().ok()?)), 4),
        op::BINBYTES8 | op::BYTEARRAY8 => (u64::from_le_bytes(rest.get(1..9)?.try_into().ok()?), 8),
        _ => return None,
    };
    let start = (first.len() - rest.len() + 1 + operand) as u64;
    let end = start.checked_add(size)?;
    let left = usize::try_from(len.checked_sub(end)?).ok().filter(|&left| left <= 3)?;
    let rest = last.get(last.len().checked_sub(left)?..)?;
    let only_memo_and_stop =
        matches!(rest, [op::STOP] | [op::MEMOIZE, op::STOP] | [op::BINPUT, _, op::STOP]);
    only_memo_and_stop.then_some(start..end)
}

/// The opcode that pushes a `bytes` object of `len` bytes, up to its contents.
pub(super) fn bytes_opcode(len: u64) -> Vec<u8> {
    match (u8::try_from(len), u32::try_from(len)) {
        (Ok(len), _) => vec![op::SHORT_BINBYTES, len],
        (_, Ok(len)) => [&[op::BINBYTES], &len.to_le_bytes()[..]].concat(),
        _ => [&[op::BINBYTES8], &len.to_le_bytes()[..]].concat(),
    }
}
