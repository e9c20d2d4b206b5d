//! The messages of all services, in calls of their actors and on the cache's socket: a typed header, then a
//! raw value.
//!
//! ```text
//! message = u32 length of the header | u64 length of the value | header | value
//! ```
//!
//! Numbers are little-endian, headers postcard. A header has a bounded length, so large data is a value.

use std::io::{self, Read, Write};

use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest header, in bytes. Tags are much shorter.
pub(crate) const MAX_HEADER: usize = 1024 * 1024;

/// The bytes before the header: the lengths of the header and of the value.
pub(crate) const HEAD: usize = 4 + 8;

/// A message of a header and a value.
///
/// # Errors
/// [`ErrorKind::Protocol`] for a header of more than 1 MiB.
pub fn pack<T: Serialize>(header: &T, value: &[u8]) -> Result<Bytes> {
    let mut message = encode_head(header, value.len() as u64).map_err(unreadable)?;
    message.extend_from_slice(value);
    Ok(message.into())
}

/// The header of a message, and its value.
///
/// # Errors
/// [`ErrorKind::Protocol`] for bytes that are no message, or one with a header of another type.
pub fn unpack<T: DeserializeOwned>(message: &Bytes) -> Result<(T, Bytes)> {
    let mut from = &message[..];
    let (header, length) = read_head(&mut from).map_err(unreadable)?;
    if from.len() as u64 != length {
        return Err(unreadable(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok((header, message.slice_ref(from)))
}

fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Protocol, "a message of a service cannot be packed or read")
        .with_source(error)
}

/// A message up to its value.
pub(crate) fn encode_head(header: &impl Serialize, value: u64) -> io::Result<Vec<u8>> {
    let mut message = postcard::to_extend(header, vec![0; HEAD]).map_err(io::Error::other)?;
    let length = u32::try_from(message.len() - HEAD).ok();
    let length = length.filter(|length| *length as usize <= MAX_HEADER);
    let length = length.ok_or_else(|| io::Error::other("the header is too long"))?;
    message[..4].copy_from_slice(&length.to_le_bytes());
    message[4..HEAD].copy_from_slice(&value.to_le_bytes());
    Ok(message)
}

/// The lengths of a message's header and of its value.
pub(crate) fn parse_lengths(head: &[u8; HEAD]) -> io::Result<(usize, u64)> {
    let (header, value) = head.split_at(4);
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let header = usize::try_from(number(header)).map_err(io::Error::other)?;
    if header > MAX_HEADER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer's header is too long"));
    }
    Ok((header, number(value)))
}

/// The header, which must take all of the bytes.
pub(crate) fn parse_header<'b, T: Deserialize<'b>>(header: &'b [u8]) -> io::Result<T> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let (parsed, rest) = postcard::take_from_bytes(header).map_err(|e| invalid(e.to_string()))?;
    if rest.is_empty() { Ok(parsed) } else { Err(invalid("a header with bytes behind it".into())) }
}

/// Writes a message up to its value.
pub(crate) fn write_head(
    to: &mut impl Write,
    header: &impl Serialize,
    value: u64,
) -> io::Result<()> {
    to.write_all(&encode_head(header, value)?)
}

/// Reads a message up to its value, and the value's length.
pub(crate) fn read_head<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, u64)> {
    let mut head = [0; HEAD];
    from.read_exact(&mut head)?;
    let (length, value) = parse_lengths(&head)?;
    let mut header = vec![0; length];
    from.read_exact(&mut header)?;
    Ok((parse_header(&header)?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were_packed() {
        for value in [&b""[..], b"value"] {
            let message = pack(&("tag".to_owned(), 7_u64), value).unwrap();
            assert_eq!(unpack(&message).unwrap(), (("tag".to_owned(), 7_u64), value.into()));
        }
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_refused() {
        let whole = pack(&"tag", b"value").unwrap();
        for length in 0..whole.len() {
            assert!(unpack::<String>(&whole.slice(..length)).is_err(), "cut at {length}");
        }
        assert!(unpack::<String>(&[&whole[..], b"!"].concat().into()).is_err());
        assert!(unpack::<u8>(&whole).is_err(), "a header with bytes behind it");
        let endless = [&u32::MAX.to_le_bytes()[..], &[0; 8]].concat();
        assert!(unpack::<String>(&endless.into()).is_err());
        let error = pack(&"x".repeat(MAX_HEADER), &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
