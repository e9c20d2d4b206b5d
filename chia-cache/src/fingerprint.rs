//! What the arguments of a call were, without keeping them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest text form that is kept of an argument, in characters.
const MAX_REPR: usize = 64;

/// The longest name that is kept of an argument, in bytes.
const MAX_NAME: usize = 256;

/// A 128-bit hash. Human-readable formats show it as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash128(pub u128);

/// The fingerprint of one encoded argument: enough to tell later whether it was the same.
///
/// ```
/// use chia_cache::Fingerprint;
///
/// let seed = Fingerprint::new(0x5eed, 8).name("seed").repr("42");
/// assert_eq!(seed.name.as_deref(), Some("seed"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fingerprint {
    /// The name of the parameter, where it is known.
    pub name: Option<String>,
    /// A hash of the encoded argument.
    pub hash: Hash128,
    /// The size of the encoded argument in bytes.
    pub len: u64,
    /// The argument as text, where it is short.
    pub repr: Option<String>,
}

impl Fingerprint {
    /// The fingerprint of an argument that encodes to `len` bytes with this hash.
    #[must_use]
    pub fn new(hash: u128, len: u64) -> Self {
        Self { name: None, hash: Hash128(hash), len, repr: None }
    }

    /// Names the parameter. A name beyond 256 bytes is cut.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        let mut name = name.into();
        let end = (0..=MAX_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end));
        name.truncate(end.unwrap_or_default());
        self.name = Some(name);
        self
    }

    /// Keeps the argument as text. A text of more than 64 characters is not kept.
    #[must_use]
    pub fn repr(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.repr = (text.chars().nth(MAX_REPR).is_none()).then_some(text);
        self
    }

    /// What the fingerprint takes, roughly, in bytes.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        24 + text(&self.name) + text(&self.repr)
    }
}

impl fmt::Display for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash128({self})")
    }
}

impl From<u128> for Hash128 {
    fn from(hash: u128) -> Self {
        Self(hash)
    }
}

impl Serialize for Hash128 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match to.is_human_readable() {
            true => to.collect_str(self),
            false => self.0.to_le_bytes().serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Hash128 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
            return u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom);
        }
        <[u8; 16]>::deserialize(from).map(|bytes| Self(u128::from_le_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r26_a_fingerprint_survives_both_kinds_of_encoding() {
        let whole = Fingerprint::new(u128::MAX - 5, 7).name("n".repeat(300)).repr("é".repeat(64));
        assert_eq!(whole.name.as_ref().unwrap().len(), 256);
        assert!(whole.repr.is_some() && whole.clone().repr("é".repeat(65)).repr.is_none());
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), whole);
        let bytes = postcard::to_allocvec(&whole).unwrap();
        assert_eq!(postcard::from_bytes::<Fingerprint>(&bytes).unwrap(), whole);
    }
}
