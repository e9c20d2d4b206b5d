//! What bodies are made of: little-endian numbers, and blobs behind a `u32` length.

use bytes::{Buf, Bytes};
use chia_dispatch::Result;

use super::frame::protocol;

/// Blobs from this size on are sent from where they are; smaller ones are copied together.
const OWN_PART: usize = 4096;

/// A body under construction.
#[derive(Default)]
pub(crate) struct Body {
    parts: Vec<Bytes>,
    current: Vec<u8>,
}

impl Body {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn u32(self, number: u32) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn u128(self, number: u128) -> Self {
        self.raw(&number.to_le_bytes())
    }

    /// A hash as a blob, which is empty for none.
    pub(crate) fn hash(self, hash: Option<u128>) -> Self {
        match hash {
            Some(hash) => self.blob(&hash.to_le_bytes()),
            None => self.u32(0),
        }
    }

    /// A count, then as many numbers.
    pub(crate) fn ids(self, ids: &[u64]) -> Self {
        ids.iter().fold(self.u32(length(ids.len())), |body, id| body.u64(*id))
    }

    /// A length, then the bytes.
    pub(crate) fn blob(self, bytes: &(impl AsRef<[u8]> + ToBytes + ?Sized)) -> Self {
        self.u32(length(bytes.as_ref().len())).rest(bytes)
    }

    /// A count, then as many blobs.
    pub(crate) fn blobs(self, blobs: &[Bytes]) -> Self {
        blobs.iter().fold(self.u32(length(blobs.len())), Self::blob)
    }

    /// The bytes alone, up to the end of the body or of the blob around them.
    pub(crate) fn rest(mut self, bytes: &(impl AsRef<[u8]> + ToBytes + ?Sized)) -> Self {
        if bytes.as_ref().len() < OWN_PART {
            return self.raw(bytes.as_ref());
        }
        if !self.current.is_empty() {
            self.parts.push(std::mem::take(&mut self.current).into());
        }
        self.parts.push(bytes.to_bytes());
        self
    }

    /// Another body as a blob.
    pub(crate) fn nested(mut self, inner: Self) -> Self {
        let (parts, size) = inner.finish();
        self = self.u32(length(size));
        parts.iter().fold(self, Self::rest)
    }

    pub(crate) fn finish(mut self) -> (Vec<Bytes>, usize) {
        if !self.current.is_empty() {
            self.parts.push(self.current.into());
        }
        let size = self.parts.iter().map(Bytes::len).sum();
        (self.parts, size)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.current.extend_from_slice(bytes);
        self
    }
}

/// A length as the wire has it. One that does not fit saturates; such a body is refused as a whole.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Bytes that may or may not be shared already.
pub(crate) trait ToBytes {
    fn to_bytes(&self) -> Bytes;
}

impl ToBytes for Bytes {
    fn to_bytes(&self) -> Bytes {
        self.clone()
    }
}

impl<const LENGTH: usize> ToBytes for [u8; LENGTH] {
    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl ToBytes for str {
    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }
}

impl ToBytes for String {
    fn to_bytes(&self) -> Bytes {
        self.as_str().to_bytes()
    }
}

impl ToBytes for Vec<u8> {
    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

/// Reads a body. Blobs are views of it, not copies.
pub(crate) struct Cursor(Bytes);

impl Cursor {
    pub(crate) fn new(body: Bytes) -> Self {
        Self(body)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.need(1).map(|()| self.0.get_u8())
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.need(4).map(|()| self.0.get_u32_le())
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.need(8).map(|()| self.0.get_u64_le())
    }

    pub(crate) fn u128(&mut self) -> Result<u128> {
        self.need(16).map(|()| self.0.get_u128_le())
    }

    pub(crate) fn hash(&mut self) -> Result<Option<u128>> {
        let blob = self.blob()?;
        if blob.is_empty() {
            return Ok(None);
        }
        let hash = blob.as_ref().try_into().map(u128::from_le_bytes);
        hash.map(Some).map_err(|_| protocol("a hash of the wrong length".into()))
    }

    pub(crate) fn ids(&mut self) -> Result<Vec<u64>> {
        let count = self.u32()? as usize;
        self.need(count.saturating_mul(8))?;
        (0..count).map(|_| self.u64()).collect()
    }

    pub(crate) fn blob(&mut self) -> Result<Bytes> {
        let length = self.u32()? as usize;
        self.need(length)?;
        Ok(self.0.split_to(length))
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        let blob = self.blob()?;
        String::from_utf8(blob.into()).map_err(|_| protocol("a text that is not UTF-8".into()))
    }

    pub(crate) fn blobs(&mut self) -> Result<Vec<Bytes>> {
        let count = self.u32()? as usize;
        self.need(count.saturating_mul(4))?;
        (0..count).map(|_| self.blob()).collect()
    }

    pub(crate) fn rest(self) -> Bytes {
        self.0
    }

    fn need(&self, bytes: usize) -> Result<()> {
        if self.0.len() < bytes {
            return Err(protocol("a frame with too short a body".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_lengths_beyond_the_body_are_errors() {
        let body = |body: Body| Cursor::new(body.finish().0.concat().into());
        assert!(body(Body::new().u32(u32::MAX)).ids().is_err());
        assert!(body(Body::new().u32(u32::MAX)).blobs().is_err());
        assert!(body(Body::new().u32(u32::MAX)).blob().is_err());
        assert!(body(Body::new().blob(b"\xff")).text().is_err());
        assert!(body(Body::new()).u128().is_err());
    }

    #[test]
    fn a_nested_body_reads_as_a_blob() {
        let large = Bytes::from(vec![1; OWN_PART]);
        let inner = Body::new().blob("name").rest(&large);
        let parts = Body::new().nested(inner).u32(4).finish().0;
        let mut cursor = Cursor::new(parts.concat().into());
        let mut inner = Cursor::new(cursor.blob().unwrap());
        assert_eq!(inner.text().unwrap(), "name");
        assert_eq!(inner.rest(), large);
        assert_eq!(cursor.u32().unwrap(), 4);
    }
}
