//! The records of the log: what was changed, and how a record is framed.
//!
//! A frame is `u32 length | u64 sum | body`. The sum is the xxh3-64 of the body, seeded with the sum
//! of the frame before, so that a frame counts only in its place: what a failed or an older write
//! left behind in the file is never taken for a record.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::legacy::Op1;
use crate::meta::Meta;

/// One change. The order of the variants and fields is the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// An entry. An inline value follows the operations of the record, which has one such at most.
    Put {
        tag: String,
        meta: Meta,
    },
    Remove {
        tag: String,
    },
    /// A read, at so many milliseconds since 1970.
    Touch {
        tag: String,
        at: u64,
    },
    /// Every entry goes.
    Clear,
    /// Files named by records that begin before this offset of the same log are durable.
    FilesSynced {
        before: u64,
    },
}

impl From<Op1> for Op {
    fn from(old: Op1) -> Self {
        match old {
            Op1::Put { tag, meta } => Self::Put { tag, meta: meta.into() },
            Op1::Remove { tag } => Self::Remove { tag },
            Op1::Touch { tag, at } => Self::Touch { tag, at },
            Op1::Clear => Self::Clear,
            Op1::FilesSynced { before } => Self::FilesSynced { before },
        }
    }
}

/// Length and sum.
pub(crate) const FRAME_HEAD: usize = 12;

/// A frame longer than this is damage. It bounds what a damaged length can make us allocate.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A record read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) ops: Vec<Op>,
    /// The inline value of its `Put`.
    pub(crate) value: &'a [u8],
    /// Bytes of the frame.
    pub(crate) len: usize,
    /// Seeds the next frame's sum.
    pub(crate) sum: u64,
}

/// Frames `ops` and the value of its inline put, and gives the sum that seeds the next frame.
pub(crate) fn encode(ops: &[Op], value: &[u8], seed: u64) -> (Vec<u8>, u64) {
    let mut frame = Vec::with_capacity(FRAME_HEAD + 256 + value.len());
    frame.resize(FRAME_HEAD, 0);
    let mut frame =
        postcard::to_extend(ops, frame).expect("operations are plain data, which always encodes");
    frame.extend_from_slice(value);
    let sum = XxHash3_64::oneshot_with_seed(seed, &frame[FRAME_HEAD..]);
    let len = (frame.len() - FRAME_HEAD) as u32;
    frame[..4].copy_from_slice(&len.to_le_bytes());
    frame[4..FRAME_HEAD].copy_from_slice(&sum.to_le_bytes());
    (frame, sum)
}

/// The record at the start of `bytes`, or `None` where the log ends.
pub(crate) fn decode(bytes: &[u8], seed: u64, legacy: bool) -> Option<Record<'_>> {
    let len = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let sum = u64::from_le_bytes(bytes.get(4..FRAME_HEAD)?.try_into().ok()?);
    if len > MAX_BODY {
        return None;
    }
    let body = bytes.get(FRAME_HEAD..FRAME_HEAD + len)?;
    if XxHash3_64::oneshot_with_seed(seed, body) != sum {
        return None;
    }
    let (ops, value) = match legacy {
        false => postcard::take_from_bytes(body).ok()?,
        true => {
            let (ops, value) = postcard::take_from_bytes::<Vec<Op1>>(body).ok()?;
            (ops.into_iter().map(Op::from).collect(), value)
        }
    };
    Some(Record { ops, value, len: FRAME_HEAD + len, sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r17_a_frame_counts_only_whole_and_in_its_place() {
        let ops = vec![Op::Remove { tag: "a".into() }, Op::Clear];
        let (frame, sum) = encode(&ops, b"value", 7);
        let record = decode(&frame, 7, false).unwrap();
        assert_eq!((record.ops, record.value, record.sum), (ops, &b"value"[..], sum));
        assert_eq!(decode(&frame, 8, false), None);
        for cut in 0..frame.len() {
            assert_eq!(decode(&frame[..cut], 7, false), None);
        }
        for flip in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[flip] ^= 1;
            assert_eq!(decode(&damaged, 7, false), None, "byte {flip}");
        }
    }
}
