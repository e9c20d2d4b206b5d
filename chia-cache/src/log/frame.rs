//! The records of the log: what was changed, and how a record is framed.
//!
//! A frame is `u32 length | u32 check | u64 sum | body`, padded to a multiple of [`ALIGN`]. The sum is the
//! xxh3-64 of the body, the check the lower half of that of length and sum. Both are seeded with the nonce
//! of the segment and the offset of the frame, so that a frame counts only in its place, and what a failed
//! or an older write left behind is never taken for a record. A frame stands alone: damage to one does not
//! hide the next.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::legacy::Op1;
use crate::meta::Meta;

/// One change. The order of the variants and fields is the format.
#[allow(clippy::large_enum_variant, reason = "the large one is the common one")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// An entry. An inline value follows the operations of the record, which has one such at most.
    Put { tag: String, meta: Meta },
    /// The entry goes, if it is not newer than this generation.
    Remove { tag: String, generation: u64 },
    /// A read, at a time in milliseconds since 1970.
    Touch { tag: String, at: u64 },
    /// Every entry older than this generation goes.
    Clear { generation: u64 },
    /// Files named by records that begin before this offset of the same segment are durable.
    FilesSynced { before: u64 },
    /// An eviction reached this priority.
    Level { priority: u64 },
}

impl From<Op1> for Op {
    fn from(old: Op1) -> Self {
        match old {
            Op1::Put { tag, meta } => Self::Put { tag, meta: meta.into() },
            Op1::Remove { tag } => Self::Remove { tag, generation: u64::MAX },
            Op1::Touch { tag, at } => Self::Touch { tag, at },
            Op1::Clear => Self::Clear { generation: u64::MAX },
            Op1::FilesSynced { before } => Self::FilesSynced { before },
        }
    }
}

/// Length, check and sum.
pub(crate) const HEAD: usize = 16;

/// Frames begin at multiples of this.
pub(crate) const ALIGN: u64 = 8;

/// The longest body. It bounds what a damaged length can make us read.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;

/// A record read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) ops: Vec<Op>,
    /// The inline value of its `Put`.
    pub(crate) value: &'a [u8],
}

/// What a frame's head says of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) len: usize,
    sum: u64,
}

fn check(len: u32, sum: u64, seed: u64) -> u32 {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    bytes[4..].copy_from_slice(&sum.to_le_bytes());
    XxHash3_64::oneshot_with_seed(seed, &bytes) as u32
}

/// What seeds the frame at an offset.
pub(crate) fn seed(nonce: u64, offset: u64) -> u64 {
    nonce.wrapping_add(offset)
}

/// Where the frame after one at `offset` begins.
pub(crate) fn end(offset: u64, body: usize) -> u64 {
    (offset + (HEAD + body) as u64).next_multiple_of(ALIGN)
}

/// Frames `ops` and the value of its inline put; `None` if the body would be too long.
pub(crate) fn encode(ops: &[Op], value: &[u8], seed: u64) -> Option<Vec<u8>> {
    let mut frame = Vec::with_capacity(HEAD + 256 + value.len());
    frame.resize(HEAD, 0);
    let mut frame = postcard::to_extend(ops, frame).ok()?;
    frame.extend_from_slice(value);
    let len = frame.len() - HEAD;
    if len > MAX_BODY {
        return None;
    }
    let sum = XxHash3_64::oneshot_with_seed(seed, &frame[HEAD..]);
    frame[..4].copy_from_slice(&(len as u32).to_le_bytes());
    frame[4..8].copy_from_slice(&check(len as u32, sum, seed).to_le_bytes());
    frame[8..HEAD].copy_from_slice(&sum.to_le_bytes());
    frame.resize(end(0, len) as usize, 0);
    Some(frame)
}

/// The head at the start of `bytes`; `None` if there is none.
pub(crate) fn head(bytes: &[u8], seed: u64) -> Option<Head> {
    let len = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let found = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let sum = u64::from_le_bytes(bytes.get(8..HEAD)?.try_into().ok()?);
    let sound = len > 0 && len as usize <= MAX_BODY && found == check(len, sum, seed);
    sound.then_some(Head { len: len as usize, sum })
}

/// The record of a body; `None` if it is damaged.
pub(crate) fn decode(head: Head, body: &[u8], seed: u64) -> Option<Record<'_>> {
    if XxHash3_64::oneshot_with_seed(seed, body) != head.sum {
        return None;
    }
    let (ops, value) = postcard::take_from_bytes(body).ok()?;
    Some(Record { ops, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frame: &[u8], seed: u64) -> Option<Record<'_>> {
        let head = head(frame, seed)?;
        decode(head, frame.get(HEAD..HEAD + head.len)?, seed)
    }

    #[test]
    fn r17_a_frame_counts_only_whole_and_in_its_place() {
        let ops = vec![Op::Remove { tag: "a".into(), generation: 3 }, Op::Clear { generation: 9 }];
        let frame = encode(&ops, b"value", 7).unwrap();
        let record = read(&frame, 7).unwrap();
        assert_eq!((record.ops, record.value), (ops, &b"value"[..]));
        assert_eq!(read(&frame, 8), None);
        let len = HEAD + head(&frame, 7).unwrap().len;
        for cut in 0..len {
            assert_eq!(read(&frame[..cut], 7), None);
        }
        for flip in 0..len {
            let mut damaged = frame.clone();
            damaged[flip] ^= 1;
            assert_eq!(read(&damaged, 7), None, "byte {flip}");
        }
    }

    #[test]
    fn r36_a_record_that_could_not_be_read_back_is_not_written() {
        assert!(encode(&[], &vec![0; MAX_BODY], 7).is_none());
    }
}
