//! The shared blobs that both sides of a socket know.

use std::collections::VecDeque;

use chia_dispatch::Result;
use chia_dispatch::backend::Shared;

use super::codec::Body;
use super::frame::{Frame, Kind, protocol};
use super::link::Link;

/// The number of latest blobs that a sender expects its peer to have.
const SENDER_WINDOW: usize = 64;
/// A receiver keeps more: blobs that cross at the same moment are ordered differently on both sides.
const RECEIVER_WINDOW: usize = 2 * SENDER_WINDOW;

/// The hashes that the peer knows.
#[derive(Default)]
pub(crate) struct SentBlobs(VecDeque<u128>);

impl SentBlobs {
    /// Sends a blob, unless the peer knows it; whether it was sent.
    pub(crate) fn share(&mut self, link: &Link, shared: &Shared) -> Result<bool> {
        if self.0.contains(&shared.hash) {
            return Ok(false);
        }
        link.send_now(Kind::Share, 0, Body::new().u128(shared.hash).rest(&shared.bytes))?;
        self.record(shared.hash);
        Ok(true)
    }

    /// Remembers a hash that the peer sent, and so knows.
    pub(crate) fn record(&mut self, hash: u128) {
        if self.0.len() == SENDER_WINDOW {
            self.0.pop_front();
        }
        self.0.push_back(hash);
    }
}

/// The blobs that crossed the socket.
#[derive(Default)]
pub(crate) struct ReceivedBlobs(VecDeque<Shared>);

impl ReceivedBlobs {
    /// Keeps the blob of a [`Kind::Share`] frame and returns its hash.
    pub(crate) fn receive(&mut self, frame: &Frame) -> Result<u128> {
        let mut cursor = frame.cursor();
        let shared = Shared { hash: cursor.u128()?, bytes: cursor.rest() };
        let hash = shared.hash;
        self.insert(shared);
        Ok(hash)
    }

    /// Stores a blob that was sent to the peer, which expects us to have it.
    pub(crate) fn insert(&mut self, shared: Shared) {
        if self.0.len() == RECEIVER_WINDOW {
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
    fn a_receiver_keeps_all_that_a_sender_expects() {
        let (mut sent, mut received) = (SentBlobs::default(), ReceivedBlobs::default());
        for hash in 0..200 {
            sent.record(hash);
            received.receive(&share(hash)).unwrap();
        }
        assert_eq!(sent.0.len(), SENDER_WINDOW);
        for hash in sent.0 {
            assert_eq!(received.find(Some(hash)).unwrap().unwrap().bytes, &b"rules"[..]);
        }
        assert!(received.find(Some(1)).is_err());
        assert_eq!(received.find(None).unwrap(), None);
    }
}
