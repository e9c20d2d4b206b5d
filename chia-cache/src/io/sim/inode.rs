//! The bytes of a file: live ones, and how to get back to durable ones.

use std::collections::BTreeMap;

use super::fault::Loss;

/// What a disk writes whole.
const SECTOR: usize = 512;

/// What the page cache keeps together.
const PAGE: usize = 4096;

/// A change that was not synced.
#[derive(Clone, Debug)]
struct Change {
    offset: usize,
    /// The length before, and the bytes that were overwritten.
    old_len: usize,
    old: Vec<u8>,
    /// What was written; nothing for a change of length to `offset`.
    new: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    live: Vec<u8>,
    pending: Vec<Change>,
    /// What the disk has in place of pages whose sync failed, by their number.
    lost: BTreeMap<usize, Vec<u8>>,
    /// When it was last changed, in milliseconds since 1970.
    pub(super) modified: u64,
    /// How many open files it has.
    pub(super) handles: usize,
}

impl Inode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn write(&mut self, offset: usize, data: &[u8]) {
        let end = (offset + data.len()).min(self.live.len());
        let old = self.live.get(offset..end).unwrap_or_default().to_vec();
        let new = Some(data.to_vec());
        self.pending.push(Change { offset, old_len: self.live.len(), old, new });
        if !self.lost.is_empty() {
            self.lost.retain(|page, _| !pages(offset, data.len()).contains(page));
        }
        put(&mut self.live, offset, data);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let old = self.live.get(len..).unwrap_or_default().to_vec();
        self.pending.push(Change { offset: len, old_len: self.live.len(), old, new: None });
        resize(&mut self.live, len);
    }

    /// What is live is durable from now on.
    pub(super) fn sync(&mut self) {
        self.pending.clear();
    }

    /// A sync failed: as the kernel does, what was dirty counts as clean and is never written, so that the
    /// next sync succeeds and proves nothing. It stays readable while the system lives.
    pub(super) fn forget_dirty(&mut self) {
        let durable = self.durable();
        for change in std::mem::take(&mut self.pending) {
            for page in pages(change.offset, change.new.map_or(0, |new| new.len())) {
                let start = (page * PAGE).min(durable.len());
                let end = (start + PAGE).min(durable.len());
                self.lost.entry(page).or_insert_with(|| durable[start..end].to_vec());
            }
        }
    }

    /// Replaces everything, as a stranger's finished edit.
    pub(super) fn replace(&mut self, bytes: Vec<u8>) {
        self.live = bytes;
        self.pending.clear();
        self.lost.clear();
    }

    pub(super) fn lose_power(&mut self, loss: Loss, coin: &mut fastrand::Rng) {
        if self.pending.is_empty() && self.lost.is_empty() {
            return;
        }
        let mut bytes = self.durable();
        if let Loss::Random(_) = loss {
            for change in &self.pending {
                change.survive(&mut bytes, coin);
            }
        }
        for (page, mut old) in std::mem::take(&mut self.lost) {
            resize(&mut old, PAGE);
            let start = (page * PAGE).min(bytes.len());
            let end = (start + PAGE).min(bytes.len());
            bytes[start..end].copy_from_slice(&old[..end - start]);
        }
        self.replace(bytes);
    }

    /// The bytes as of the last sync.
    fn durable(&self) -> Vec<u8> {
        let mut bytes = self.live.clone();
        for change in self.pending.iter().rev() {
            resize(&mut bytes, change.old_len);
            bytes[change.offset.min(change.old_len)..][..change.old.len()]
                .copy_from_slice(&change.old);
        }
        bytes
    }
}

impl Change {
    /// Applies what a power loss left of this change.
    fn survive(&self, bytes: &mut Vec<u8>, coin: &mut fastrand::Rng) {
        let fate = coin.u8(0..8);
        let Some(data) = &self.new else {
            if fate > 2 {
                resize(bytes, self.offset);
            }
            return;
        };
        match fate {
            0..3 => {}
            // The file has grown, and its new part was not written.
            3 => {
                let len = bytes.len().max(self.offset + data.len());
                resize(bytes, len);
            }
            4 | 5 => {
                let mut at = 0;
                while at < data.len() {
                    let part = (SECTOR - (self.offset + at) % SECTOR).min(data.len() - at);
                    if coin.bool() {
                        put(bytes, self.offset + at, &data[at..at + part]);
                    }
                    at += part;
                }
            }
            _ => put(bytes, self.offset, data),
        }
    }
}

/// The pages that `len` bytes from `offset` on touch.
fn pages(offset: usize, len: usize) -> std::ops::Range<usize> {
    offset / PAGE..(offset + len).div_ceil(PAGE)
}

/// Zeroes the new part as a whole: unoptimised, `Vec::resize` does it byte by byte.
fn resize(bytes: &mut Vec<u8>, len: usize) {
    match len.checked_sub(bytes.len()) {
        Some(more) => bytes.extend_from_slice(&vec![0; more]),
        None => bytes.truncate(len),
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        resize(bytes, end);
    }
    bytes[offset..end].copy_from_slice(data);
}
