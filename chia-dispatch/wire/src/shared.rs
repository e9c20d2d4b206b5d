//! Which shared blobs are where.

use std::collections::VecDeque;

use chia_dispatch::Result;
use chia_dispatch::backend::Shared;

use super::codec::Body;
use super::frame::{Frame, Kind, protocol};
use super::link::Link;

/// A sender counts on its peer to keep the last so many blobs that crossed the socket.
const SURE: usize = 64;
/// A receiver keeps more, since what crosses at the same moment is ordered differently on both sides.
const KEPT: usize = 2 * SURE;

/// The hashes that the peer knows.
#[derive(Default)]
pub(crate) struct Sent(VecDeque<u128>);

impl Sent {
    /// Sends a blob, unless the peer knows it; whether it was sent.
    pub(crate) fn share(&mut self, link: &Link, shared: &Shared) -> Result<bool> {
        if self.0.contains(&shared.hash) {
            return Ok(false);
        }
        link.send_now(Kind::Share, 0, Body::new().u128(shared.hash).rest(&shared.bytes))?;
        self.note(shared.hash);
        Ok(true)
    }

    /// Remembers a hash that the peer sent, and so knows.
    pub(crate) fn note(&mut self, hash: u128) {
        if self.0.len() == SURE {
            self.0.pop_front();
        }
        self.0.push_back(hash);
    }
}

/// The blobs that crossed the socket.
#[derive(Default)]
pub(crate) struct Kept(VecDeque<Shared>);

impl Kept {
    /// Keeps the blob of a [`Kind::Share`] frame and returns its hash.
    pub(crate) fn keep(&mut self, frame: &Frame) -> Result<u128> {
        let mut cursor = frame.cursor();
        let shared = Shared { hash: cursor.u128()?, bytes: cursor.rest() };
        let hash = shared.hash;
        self.learn(shared);
        Ok(hash)
    }

    /// Keeps a blob that was sent to the peer, which counts on our having it.
    pub(crate) fn learn(&mut self, shared: Shared) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(shared);
    }

    /// The blob of a hash, if one is asked for.
    pub(crate) fn find(&self, hash: Option<u128>) -> Result<Option<Shared>> {
        let Some(hash) = hash else { return Ok(None) };
        let found = self.0.iter().rev().find(|shared| shared.hash == hash).cloned();
        found.map(Some).ok_or_else(|| protocol("the hash of a blob that it did not send".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(hash: u128) -> Frame {
        let body = Body::new().u128(hash).rest(b"rules").finish().0.concat().into();
        Frame { kind: Kind::Share, id: 0, task: 0, body }
    }

    #[test]
    fn what_a_sender_counts_on_is_kept() {
        let (mut sent, mut kept) = (Sent::default(), Kept::default());
        for hash in 0..200 {
            sent.note(hash);
            kept.keep(&share(hash)).unwrap();
        }
        assert_eq!(sent.0.len(), SURE);
        for hash in sent.0 {
            assert_eq!(kept.find(Some(hash)).unwrap().unwrap().bytes, &b"rules"[..]);
        }
        assert!(kept.find(Some(1)).is_err());
        assert_eq!(kept.find(None).unwrap(), None);
    }
}
