//! One frame: a length, a kind, two numbers, a body.

use std::io::{self, IoSlice, Read, Write};

use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind, Result};
use num_enum::{IntoPrimitive, TryFromPrimitive};

use super::codec::{Body, Cursor};

/// The longest body that is sent or accepted, in bytes.
pub const MAX_BODY: usize = 0x7fff_ffff;

/// The bytes before the body: `u32` length of what follows, `u8` kind, `u64` id, `u64` task.
const HEAD: usize = 4 + 1 + 8 + 8;

/// The kind of a frame. The numbers are those of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromPrimitive, IntoPrimitive)]
#[repr(u8)]
pub enum Kind {
    /// The first frame of both sides.
    Hello = 1,
    /// Request: run a task and make its result an object.
    Submit = 10,
    /// Request: make an object of a value.
    Put = 11,
    /// Request: the bytes of an object, when it is there.
    Get = 12,
    /// Request: whether an object is there.
    Ready = 13,
    /// Request: end the task that makes an object.
    Cancel = 14,
    /// Request: an object or actor is not needed any more.
    Release = 15,
    /// Both ways: a shared blob, before the first frame that names its hash.
    Share = 16,
    /// Request: get or create an actor.
    Actor = 20,
    /// Request: find a named actor.
    FindActor = 21,
    /// Request: call an actor's method and make its result an object.
    CallActor = 22,
    /// Request: end an actor.
    KillActor = 23,
    /// Request: the nodes.
    Nodes = 24,
    /// Request: end the backend.
    Shutdown = 25,
    /// Request: run a body that is not in the program, in the place of the task that asks.
    Foreign = 26,
    /// Answer: bytes.
    Result = 40,
    /// Answer: an error.
    Error = 41,
    /// To the client: the backend is lost, for the reason in the body.
    Lost = 42,
    /// To a worker: run a task.
    Run = 50,
    /// To a worker: make an actor.
    Make = 51,
    /// To a worker: run a method of an actor that it made.
    Call = 52,
    /// To a worker: end a task or call.
    Stop = 53,
    /// To a worker: drop an actor.
    Drop = 54,
}

/// One frame as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: Kind,
    /// The object, request, task or actor that it is about.
    pub id: u64,
    /// The task on whose behalf a request is made; 0 for the driver.
    pub task: u64,
    /// The rest, as its kind has it.
    pub body: Bytes,
}

impl Frame {
    /// Reads the next frame; `None` when the peer has closed the socket between two frames.
    ///
    /// # Errors
    /// [`Protocol`](ErrorKind::Protocol) for a frame that is cut short, too long, or of no known kind.
    pub fn read(from: &mut impl Read) -> Result<Option<Self>> {
        let mut head = [0; HEAD];
        if !read_or_end(from, &mut head)? {
            return Ok(None);
        }
        let mut cursor = Cursor::new(Bytes::copy_from_slice(&head));
        let length = cursor.u32()? as usize;
        let kind = Kind::try_from(cursor.u8()?).map_err(|unknown| {
            protocol(format!("a frame of the unknown kind {}", unknown.number))
        })?;
        let (id, task) = (cursor.u64()?, cursor.u64()?);
        let length = length.checked_sub(HEAD - 4).filter(|length| *length <= MAX_BODY);
        let length = length.ok_or_else(|| protocol("a frame of an impossible length".into()))?;
        let mut body = vec![0; length];
        from.read_exact(&mut body).map_err(cut_short)?;
        Ok(Some(Self { kind, id, task, body: body.into() }))
    }

    /// A reader of the body.
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor::new(self.body.clone())
    }
}

/// A frame to be sent: its head and the parts of its body, which are written one after another.
pub(crate) struct Outgoing {
    head: [u8; HEAD],
    parts: Vec<Bytes>,
    length: usize,
}

impl Outgoing {
    /// A frame with this body.
    ///
    /// # Errors
    /// [`Encode`](ErrorKind::Encode) when the body is longer than [`MAX_BODY`].
    pub(crate) fn new(kind: Kind, id: u64, task: u64, body: Body) -> Result<Self> {
        let (parts, length) = body.finish();
        let all = u32::try_from(length + HEAD - 4).ok().filter(|_| length <= MAX_BODY);
        let Some(all) = all else {
            let text = format!("{length} bytes in one call; the limit is {MAX_BODY}");
            return Err(Error::new(ErrorKind::Encode, text));
        };
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&all.to_le_bytes());
        head[4] = kind.into();
        head[5..13].copy_from_slice(&id.to_le_bytes());
        head[13..].copy_from_slice(&task.to_le_bytes());
        Ok(Self { head, parts, length })
    }

    /// All bytes that it takes on the wire.
    pub(crate) fn len(&self) -> usize {
        HEAD + self.length
    }

    /// Writes several frames in as few system calls as possible.
    pub(crate) fn write_all<'f>(
        frames: impl IntoIterator<Item = &'f Self>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        let heads = frames.into_iter().map(|frame| (&frame.head[..], &frame.parts));
        let mut slices: Vec<IoSlice<'_>> = heads
            .flat_map(|(head, parts)| std::iter::once(head).chain(parts.iter().map(|p| &p[..])))
            .filter(|part| !part.is_empty())
            .map(IoSlice::new)
            .collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match to.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

pub(crate) fn protocol(what: String) -> Error {
    Error::new(ErrorKind::Protocol, format!("the peer sent {what}"))
}

fn cut_short(error: io::Error) -> Error {
    protocol("a frame that is cut short".into()).with_source(error)
}

/// Fills the buffer; false when there is nothing at all to be read.
fn read_or_end(from: &mut impl Read, buffer: &mut [u8]) -> Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(cut_short(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if filled == 0 && error.kind() == io::ErrorKind::ConnectionReset => {
                return Ok(false);
            }
            Err(error) => return Err(cut_short(error)),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(frames: &[Outgoing]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Outgoing::write_all(frames, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn frames_come_back_as_they_were_sent() {
        let large = Bytes::from(vec![7; 100_000]);
        let body = Body::new().u64(5).blob(&large).blob(b"x").rest(&large);
        let sent = bytes_of(&[
            Outgoing::new(Kind::Submit, 3, 9, body).unwrap(),
            Outgoing::new(Kind::Release, 4, 0, Body::new()).unwrap(),
        ]);
        let mut from = &sent[..];
        let first = Frame::read(&mut from).unwrap().unwrap();
        assert_eq!((first.kind, first.id, first.task), (Kind::Submit, 3, 9));
        let mut cursor = first.cursor();
        assert_eq!(cursor.u64().unwrap(), 5);
        assert_eq!(cursor.blob().unwrap(), large);
        assert_eq!(cursor.blob().unwrap(), &b"x"[..]);
        assert_eq!(cursor.rest(), large);
        assert_eq!(Frame::read(&mut from).unwrap().unwrap().kind, Kind::Release);
        assert_eq!(Frame::read(&mut from).unwrap(), None);
    }

    #[test]
    fn the_numbers_of_kinds_are_those_of_the_protocol() {
        let known: Vec<u8> = (0..=u8::MAX).filter(|byte| Kind::try_from(*byte).is_ok()).collect();
        let requests = [10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 26];
        assert_eq!(known, [&[1][..], &requests, &[40, 41, 42, 50, 51, 52, 53, 54]].concat());
    }

    #[test]
    fn a_frame_that_is_cut_or_impossible_is_an_error() {
        let whole = bytes_of(&[Outgoing::new(Kind::Put, 1, 0, Body::new().u64(1)).unwrap()]);
        for length in 1..whole.len() {
            let error = Frame::read(&mut &whole[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "cut at {length}");
        }
        for length in [0_u32, 16, 0x8000_0011, u32::MAX] {
            let mut wrong = whole.clone();
            wrong[..4].copy_from_slice(&length.to_le_bytes());
            assert_eq!(Frame::read(&mut &wrong[..]).unwrap_err().kind(), ErrorKind::Protocol);
        }
        let mut wrong = whole;
        wrong[4] = 99;
        assert!(Frame::read(&mut &wrong[..]).unwrap_err().to_string().contains("kind 99"));
    }
}
