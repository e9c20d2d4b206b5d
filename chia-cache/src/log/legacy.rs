//! Logs of format 1: `u32 length | u64 sum | body`, each sum seeded with the one before.

use twox_hash::XxHash3_64;

use super::frame::{Op, Record};
use super::window::Window;
use crate::error::Result;
use crate::legacy::{LOG_MAGIC, Op1};

const HEADER: u64 = 24;
const HEAD: usize = 12;
const MAX_BODY: usize = 64 * 1024 * 1024;

fn seed(epoch: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(epoch, &LOG_MAGIC)
}

/// The epoch of a log that begins with `start`.
pub(super) fn epoch(start: &[u8]) -> Option<u64> {
    let number = |at: usize| -> Option<u64> {
        Some(u64::from_le_bytes(start.get(at..at + 8)?.try_into().ok()?))
    };
    let epoch = number(8)?;
    (start[..8] == LOG_MAGIC && number(16)? == seed(epoch)).then_some(epoch)
}

/// Calls `each` with every record, up to the first that is not whole.
pub(super) fn replay(
    window: &mut Window,
    epoch: u64,
    each: &mut dyn FnMut(u64, Record<'_>) -> Result<()>,
) -> Result<()> {
    let (mut at, mut before) = (HEADER, seed(epoch));
    loop {
        let Some(head) = window.get(at, HEAD)? else { return Ok(()) };
        let (len, sum) = head.split_at(4);
        let len = len.try_into().map_or(usize::MAX, |len| u32::from_le_bytes(len) as usize);
        let sum = sum.try_into().map_or(0, u64::from_le_bytes);
        if len > MAX_BODY {
            return Ok(());
        }
        let Some(body) = window.get(at + HEAD as u64, len)? else { return Ok(()) };
        if XxHash3_64::oneshot_with_seed(before, body) != sum {
            return Ok(());
        }
        let Ok((ops, value)) = postcard::take_from_bytes::<Vec<Op1>>(body) else { return Ok(()) };
        each(at, Record { ops: ops.into_iter().map(Op::from).collect(), value })?;
        (at, before) = (at + (HEAD + len) as u64, sum);
    }
}
