//! Encoded values as they are compared and shown.

use std::borrow::Cow;

use serde_pickle::{DeOptions, SerOptions};

/// The opcode that begins a dictionary.
const EMPTY_DICT: u8 = b'}';

/// Dictionaries of larger values are compared as they were encoded.
const MAX_SORTED: usize = 1024 * 1024;

/// Text is made of values up to this many encoded bytes.
const MAX_SHOWN: usize = 256;

/// The bytes that stand for an encoded value in comparisons: its own, but with the entries of
/// dictionaries sorted by key, since a hash map encodes them in another order each time.
///
/// Values over 1 MiB, and Python objects that are not plain data, stand for themselves. For a file or
/// a directory stands the digest of its contents.
#[must_use]
pub fn canonical(encoded: &[u8]) -> Cow<'_, [u8]> {
    #[cfg(feature = "files")]
    if let Some(contents) = super::files::contents(encoded) {
        return Cow::Owned(contents.digest.as_bytes().to_vec());
    }
    if encoded.len() > MAX_SORTED || !encoded.contains(&EMPTY_DICT) {
        return Cow::Borrowed(encoded);
    }
    let sorted = serde_pickle::value_from_slice(encoded, DeOptions::new())
        .and_then(|value| serde_pickle::value_to_vec(&value, SerOptions::new()));
    // What this library cannot decode is no plain data, and has no order of ours.
    sorted.map_or(Cow::Borrowed(encoded), Cow::Owned)
}

/// The size of an encoded value in comparisons: that of its bytes, but for a file or a directory
/// the size of what it holds.
#[must_use]
pub fn size(encoded: &[u8]) -> u64 {
    #[cfg(feature = "files")]
    if let Some(contents) = super::files::contents(encoded) {
        return contents.bytes;
    }
    encoded.len() as u64
}

/// A small encoded value as Python writes it, for messages; `None` for large values and for Python
/// objects that are not plain data.
#[must_use]
pub fn to_text(encoded: &[u8]) -> Option<String> {
    if encoded.len() > MAX_SHOWN {
        return None;
    }
    #[cfg(feature = "files")]
    if super::files::contents(encoded).is_some() {
        return None;
    }
    let value = serde_pickle::value_from_slice(encoded, DeOptions::new()).ok()?;
    Some(value.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::codec::{Blob, encode};

    #[test]
    fn r26_equal_hash_maps_have_one_canonical_form() {
        let map = |keys: &mut dyn Iterator<Item = u32>| {
            let map: HashMap<String, u32> = keys.map(|key| (format!("key{key}"), key)).collect();
            canonical(&encode(&map).unwrap()).into_owned()
        };
        let sorted: BTreeMap<String, u32> =
            (0..100).map(|key| (format!("key{key}"), key)).collect();
        let forward = map(&mut (0..100));
        assert_eq!(forward, map(&mut (0..100).rev()));
        assert_eq!(forward, *canonical(&encode(&sorted).unwrap()));
        assert_ne!(forward, map(&mut (0..99)));
    }

    #[test]
    fn r26_bytes_and_plain_values_are_compared_as_they_are() {
        let blob = encode(&Blob::from(vec![b'}'; 2 * MAX_SORTED])).unwrap();
        assert!(matches!(canonical(&blob), Cow::Borrowed(_)));
        let text = encode(&"plain".to_owned()).unwrap();
        assert!(matches!(canonical(&text), Cow::Borrowed(_)));
    }

    #[test]
    fn r27_small_values_have_a_text() {
        let text = |encoded: &[u8]| to_text(encoded);
        assert_eq!(text(&encode(&3_u8).unwrap()).as_deref(), Some("3"));
        assert_eq!(text(&encode(&"adder".to_owned()).unwrap()).as_deref(), Some("\"adder\""));
        assert_eq!(text(&encode(&"x".repeat(300)).unwrap()), None);
        assert_eq!(text(b"no pickle"), None);
    }
}
