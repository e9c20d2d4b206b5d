//! Bytes that travel and rest without being taken apart.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use chia_cache::pickle::bytes_payload;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use chia_dispatch::{Error, ErrorKind, Result};

const PROTO: u8 = 0x80;
const BINBYTES8: u8 = 0x8e;
const STOP: u8 = b'.';

/// Binary data of any size: a built binary, a trace, an array. Cheap to clone.
///
/// As an argument or a result of its own it is encoded in one copy and decoded in none; Python
/// sees `bytes`. Inside a struct it is limited to 4 GiB.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Blob(Bytes);

impl Blob {
    /// The bytes, shared.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Appends the pickle of these bytes.
    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        out.reserve(self.len() + 12);
        out.extend_from_slice(&[PROTO, 4, BINBYTES8]);
        out.extend_from_slice(&(self.len() as u64).to_le_bytes());
        out.extend_from_slice(self);
        out.push(STOP);
    }

    /// The bytes of a pickle that holds `bytes` or a `bytearray` and nothing else.
    pub(super) fn decode(pickle: &Bytes) -> Result<Self> {
        let found = payload(pickle).ok_or_else(|| {
            Error::new(ErrorKind::Decode, "expected bytes (a Blob), found other data")
        })?;
        Ok(Self(pickle.slice_ref(found)))
    }
}

/// The payload of a `bytes` pickle of any protocol from 3 on, framed or not, memoized or not.
pub(super) fn payload(pickle: &[u8]) -> Option<&[u8]> {
    let found = bytes_payload(pickle, pickle, pickle.len() as u64)?;
    pickle.get(usize::try_from(found.start).ok()?..usize::try_from(found.end).ok()?)
}

impl<T: Into<Bytes>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if u32::try_from(self.len()).is_err() {
            return Err(S::Error::custom("a Blob inside a struct is limited to 4 GiB"));
        }
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Vec<u8>, A::Error> {
                Err(A::Error::custom("expected bytes, found a list"))
            }
        }

        deserializer.deserialize_byte_buf(Bytes).map(Self::from)
    }
}
