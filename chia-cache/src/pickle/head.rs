//! The first bytes of an entry: protocol, frame, tag, and where `data` begins.

use std::io::{ErrorKind, Read};

use super::error::{PickleError, PickleErrorKind as Kind};
use super::{MAX_TAG_LEN, opcode as op};

/// What the first bytes of a `(tag, data)` pickle say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub(super) protocol: u8,
    pub(super) tag: String,
    /// The string opcode of the tag as it stands in the file, operand included.
    pub(super) tag_op: Vec<u8>,
    /// The memo opcode after the tag, or nothing: `data` may refer to the tag by it.
    pub(super) memo_op: Vec<u8>,
    /// The tuple is made by `MARK` … `TUPLE`, and not by `TUPLE2`.
    pub(super) marked: bool,
    /// The tag lies inside a frame.
    pub(super) tag_framed: bool,
    /// How many bytes of `data` the frame that is open at its start still covers.
    pub(super) frame_left: u64,
    pub(super) data_offset: u64,
}

impl Head {
    /// Reads the head from the first bytes of a file, which must hold the first opcode of `data` too.
    ///
    /// # Errors
    /// [`NotAnEntry`](Kind::NotAnEntry) for anything else than a `(tag, data)` pickle of protocols 2 to 5,
    /// [`Truncated`](Kind::Truncated) where `bytes` end inside the head,
    /// [`TagTooLong`](Kind::TagTooLong), [`TagNotText`](Kind::TagNotText).
    pub fn parse(bytes: &[u8]) -> Result<Self, PickleError> {
        Self::read(bytes)
    }

    /// Reads the head from a reader at the start of a file, and as little more than the head as is practical.
    ///
    /// # Errors
    /// Those of [`Head::parse`], and [`Io`](Kind::Io) where `source` fails.
    pub fn read(source: impl Read) -> Result<Self, PickleError> {
        let mut bytes = Bytes { source, buffer: Vec::new(), at: 0 };
        let protocol = protocol(&mut bytes)?;
        let mut frame = Frame::default();
        frame.enter(protocol, &mut bytes)?;
        let marked = bytes.skip_if(op::MARK)?;
        let start = bytes.at;
        let tag = tag(&mut bytes)?;
        let tag_op = bytes.buffer[start..bytes.at].to_vec();
        let tag_framed = frame.end.is_some();
        frame.check(bytes.at)?;

        // A tag too long for a frame stands before it; then its memo opcode is inside.
        let after_tag = bytes.at;
        if frame.left(bytes.at) == 0 {
            frame.enter(protocol, &mut bytes)?;
        }
        let memo_op = memo(&mut bytes)?;
        if memo_op.is_empty() {
            bytes.at = after_tag;
            frame.forget_from(after_tag);
        }
        frame.check(bytes.at)?;
        match bytes.peek()? {
            Some(op::STOP) => {
                return Err(not_an_entry(bytes.at, "a string that is not in a tuple"));
            }
            Some(_) => {}
            None => {
                return Err(PickleError::new(
                    Kind::Truncated,
                    bytes.at as u64,
                    "it ends after the tag",
                ));
            }
        }
        let (frame_left, data_offset) = (frame.left(bytes.at), bytes.at as u64);
        Ok(Self { protocol, tag, tag_op, memo_op, marked, tag_framed, frame_left, data_offset })
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The pickle protocol, 2 to 5.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The byte at which the opcodes of `data` begin.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }
}

fn not_an_entry(at: usize, what: impl Into<String>) -> PickleError {
    PickleError::new(Kind::NotAnEntry, at as u64, what)
}

fn protocol<R: Read>(bytes: &mut Bytes<R>) -> Result<u8, PickleError> {
    let [opcode, protocol] = bytes.array()?;
    if opcode != op::PROTO {
        return Err(not_an_entry(
            0,
            format!("it begins with {opcode:#04x}, a pickle of protocols 2 to 5 with 0x80"),
        ));
    }
    if !op::PROTOCOLS.contains(&protocol) {
        return Err(not_an_entry(1, format!("protocol {protocol} is not one of 2 to 5")));
    }
    Ok(protocol)
}

/// Reads the string opcode and its operand.
fn tag<R: Read>(bytes: &mut Bytes<R>) -> Result<String, PickleError> {
    let at = bytes.at;
    let [opcode] = bytes.array()?;
    let len = match opcode {
        op::SHORT_BINUNICODE | op::SHORT_BINSTRING => u64::from(bytes.array::<1>()?[0]),
        op::BINUNICODE | op::BINSTRING => u64::from(u32::from_le_bytes(bytes.array()?)),
        op::BINUNICODE8 => u64::from_le_bytes(bytes.array()?),
        _ => {
            return Err(not_an_entry(
                at,
                format!("opcode {opcode:#04x} where a string, the tag, should begin"),
            ));
        }
    };
    if len > MAX_TAG_LEN as u64 {
        return Err(PickleError::new(
            Kind::TagTooLong,
            at as u64,
            format!("{len} bytes, {MAX_TAG_LEN} are allowed"),
        ));
    }
    let text = bytes.take(len as usize)?;
    let ascii_only = matches!(opcode, op::SHORT_BINSTRING | op::BINSTRING);
    match std::str::from_utf8(text) {
        Ok(text) if !ascii_only || text.is_ascii() => Ok(text.to_owned()),
        Ok(_) => Err(PickleError::new(
            Kind::TagNotText,
            at as u64,
            "a Python 2 byte string that is not ASCII",
        )),
        Err(cause) => Err(PickleError::new(Kind::TagNotText, at as u64, cause.to_string())),
    }
}

/// The memo opcode that stands here, with its operand, or nothing.
fn memo<R: Read>(bytes: &mut Bytes<R>) -> Result<Vec<u8>, PickleError> {
    let len = match bytes.peek()? {
        Some(op::MEMOIZE) => 1,
        Some(op::BINPUT) => 2,
        Some(op::LONG_BINPUT) => 5,
        _ => return Ok(Vec::new()),
    };
    bytes.take(len).map(<[u8]>::to_vec)
}

/// The frame that is open at the current byte, if any.
#[derive(Default)]
struct Frame {
    start: usize,
    end: Option<u64>,
}

impl Frame {
    /// Enters the frame that begins here, if one does.
    fn enter<R: Read>(&mut self, protocol: u8, bytes: &mut Bytes<R>) -> Result<(), PickleError> {
        let start = bytes.at;
        if protocol < op::FIRST_FRAMED || !bytes.skip_if(op::FRAME)? {
            return Ok(());
        }
        let len = u64::from_le_bytes(bytes.array()?);
        let end = (bytes.at as u64).checked_add(len);
        let end = end.ok_or_else(|| not_an_entry(start, format!("a frame of {len} bytes")))?;
        *self = Self { start, end: Some(end) };
        Ok(())
    }

    /// No opcode may cross the end of its frame (PEP 3154).
    fn check(&self, at: usize) -> Result<(), PickleError> {
        match self.end {
            Some(end) if (at as u64) > end => {
                Err(not_an_entry(at, format!("an opcode crosses the end of its frame, byte {end}")))
            }
            _ => Ok(()),
        }
    }

    /// How many bytes from `at` on are inside the frame.
    fn left(&self, at: usize) -> u64 {
        self.end.map_or(0, |end| end.saturating_sub(at as u64))
    }

    /// Undoes having entered a frame at or after `at`.
    fn forget_from(&mut self, at: usize) {
        if self.start >= at {
            *self = Self::default();
        }
    }
}

/// Bytes read on demand, with a position in them.
struct Bytes<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
}

/// One read takes in the head of nearly every file.
const CHUNK: usize = 512;

impl<R: Read> Bytes<R> {
    /// Has `len` bytes from the position on in the buffer, or as many as there are.
    fn fill(&mut self, len: usize) -> Result<(), PickleError> {
        let want = self.at + len;
        while self.buffer.len() < want {
            let have = self.buffer.len();
            self.buffer.resize(want.max(CHUNK), 0);
            let read = match self.source.read(&mut self.buffer[have..]) {
                Ok(read) => read,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {
                    self.buffer.truncate(have);
                    continue;
                }
                Err(cause) => return Err(PickleError::io(have as u64, cause)),
            };
            self.buffer.truncate(have + read);
            if read == 0 {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&[u8], PickleError> {
        self.fill(len)?;
        let (start, end) = (self.at, self.at + len);
        self.at = end;
        let have = self.buffer.len() as u64;
        self.buffer
            .get(start..end)
            .ok_or_else(|| PickleError::new(Kind::Truncated, have, "it ends inside its head"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn peek(&mut self) -> Result<Option<u8>, PickleError> {
        self.fill(1)?;
        Ok(self.buffer.get(self.at).copied())
    }

    fn skip_if(&mut self, opcode: u8) -> Result<bool, PickleError> {
        let found = self.peek()? == Some(opcode);
        self.at += usize::from(found);
        Ok(found)
    }
}
