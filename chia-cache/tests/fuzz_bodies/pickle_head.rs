//! Arbitrary bytes as a file of the directory: its head is read, and what is cut out of it can be put together again.

use std::io::Cursor;

use chia_cache::pickle::{bytes_payload, entry_from_pickle, read_entry};

/// Returns whether the bytes were taken for a `(tag, data)` pickle.
pub(crate) fn pickle_head(bytes: &[u8]) -> bool {
    let Ok((head, splice)) = read_entry(&mut Cursor::new(bytes)) else { return false };
    assert!(splice.body().end <= bytes.len() as u64);
    let value = splice.apply(bytes);
    assert_eq!(value.len() as u64, splice.len());
    if let Some(payload) = bytes_payload(&value, &value, value.len() as u64) {
        assert!(payload.start <= payload.end && payload.end < value.len() as u64);
    }

    let last = *value.last().expect("a value has at least PROTO and STOP");
    let Ok(entry) = entry_from_pickle(head.tag(), &value, last, value.len() as u64) else {
        return true;
    };
    let entry = entry.apply(&value);
    let (again, splice) =
        read_entry(&mut Cursor::new(&entry)).expect("what was composed is an entry");
    assert_eq!(again.tag(), head.tag());
    assert!(splice.apply(&entry) == value, "another value came back");
    true
}
