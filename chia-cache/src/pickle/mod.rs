//! Pickles of `(tag, data)`, read by their first and last bytes and never executed.
//!
//! The Python original keeps each entry as a file `<name>.pkl` that holds one pickle of the
//! 2-tuple `(tag, data)`. This module takes such a file apart and puts one together:
//!
//! * [`Head`] reads the tag from the first bytes, whatever `data` is;
//! * [`Head::value`] says how to cut `data` out as a pickle of its own; [`read_entry`] does both for a file;
//! * [`entry_from_pickle`] and [`entry_from_bytes`] say how to wrap a value into an entry;
//! * [`bytes_pickle`] and [`bytes_payload`] go between raw bytes and the pickle of a `bytes` object.
//!
//! No opcode of `data` is interpreted, so a pickle that runs code when it is loaded does nothing here.
//! And no value has to be in memory: each answer is a [`Splice`], a few bytes before and after a range
//! of the source, so that a value of many gigabytes is streamed or mapped.
//!
//! ```
//! use std::io::{Cursor, Read};
//!
//! use chia_cache::pickle::{entry_from_bytes, read_entry};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let payload = b"a chip";
//! let mut file = Cursor::new(entry_from_bytes("iter0", payload.len() as u64)?.apply(payload));
//!
//! let (head, value) = read_entry(&mut file)?;
//! assert_eq!(head.tag(), "iter0");
//! let mut pickle = Vec::new();
//! value.reader(file)?.read_to_end(&mut pickle)?;
//! assert_eq!(pickle, b"\x80\x04C\x06a chip.");
//! # Ok(())
//! # }
//! ```
//!
//! # The format
//!
//! The opcodes are those that CPython documents in `Lib/pickletools.py`, with PEP 307 (protocol 2),
//! PEP 3154 (protocol 4: framing, `MEMOIZE`) and PEP 574 (protocol 5). An entry is
//!
//! ```text
//! PROTO n  [FRAME len]  [MARK]  <tag: a string opcode>  [<memo opcode>]  <data ...>  TUPLE2 | TUPLE  [<memo opcode>]  STOP
//! ```
//!
//! with `n` from 2 to 5, and `MARK` exactly where the tuple is made by `TUPLE`. A tag of 64 KiB or
//! more stands before its frame; then the memo opcode is the first in that frame.

mod bytes;
mod compose;
mod error;
mod head;
mod opcode;
mod splice;
mod tail;
mod value;

pub use bytes::{bytes_payload, bytes_pickle};
pub use compose::{entry_from_bytes, entry_from_pickle};
pub use error::{PickleError, PickleErrorKind};
pub use head::Head;
pub use splice::Splice;
pub use value::read_entry;

/// The longest tag, in bytes of UTF-8, that is read from or written to a pickle (1 MiB).
///
/// A head that announces more is refused before anything is allocated for it.
pub const MAX_TAG_LEN: usize = 1 << 20;
