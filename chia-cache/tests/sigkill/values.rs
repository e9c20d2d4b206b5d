//! Values that prove what they are: whose they are, which write made them, and that no byte is from another.

use chia_cache::{NewEntry, Origin};
use twox_hash::XxHash3_64;

pub(crate) const THREADS: u64 = 4;
pub(crate) const TAGS_PER_THREAD: u64 = 24;
/// About half of what the tags would take together, so that evictions go on all the time.
pub(crate) const BUDGET: u64 = 1 << 20;

pub(crate) fn tag(thread: u64, number: u64) -> String {
    format!("thread{thread}-tag{number}")
}

/// Two in three are small and go into the index, the others are files.
pub(crate) fn random_len(random: &mut fastrand::Rng) -> usize {
    match random.u8(..3) {
        0 => random.usize(40..400),
        1 => random.usize(1_000..12_000),
        _ => random.usize(20_000..90_000),
    }
}

/// `len` bytes: the sequence number, then noise made from tag, number and length.
pub(crate) fn value(tag: &str, seq: u64, len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    bytes.extend_from_slice(&seq.to_le_bytes());
    let mut noise =
        fastrand::Rng::with_seed(XxHash3_64::oneshot(format!("{tag} {seq} {len}").as_bytes()));
    while bytes.len() < len {
        bytes.extend_from_slice(&noise.u64(..).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The sequence number of the write that made this value.
///
/// # Panics
/// Where the value is not to the byte what that write wrote under this tag.
pub(crate) fn seq_of(tag: &str, bytes: &[u8]) -> u64 {
    let seq = u64::from_le_bytes(bytes[..8].try_into().expect("values are longer"));
    assert!(
        bytes == value(tag, seq, bytes.len()),
        "{tag}: a torn value of {} bytes, write {seq:#x}",
        bytes.len()
    );
    seq
}

pub(crate) fn new_entry() -> NewEntry {
    NewEntry::new(Origin::Real).function("sigkill")
}
