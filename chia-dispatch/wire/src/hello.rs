//! The first frame of both sides.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use chia_dispatch::backend::Capabilities;
use chia_dispatch::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::codec::Body;
use super::frame::{Frame, Kind, Outgoing, protocol};

/// The version of the protocol. Peers of different versions refuse each other.
pub const PROTOCOL: u32 = 1;

/// What each side says of itself. Unknown fields are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol that it speaks.
    pub protocol: u32,
    /// The name of the backend that a client will find behind this side; of a client, its program.
    pub name: String,
    /// What that backend can do.
    #[serde(default)]
    pub capabilities: Capabilities,
}

impl Hello {
    /// A greeting in this protocol.
    #[must_use]
    pub fn new(name: impl Into<String>, capabilities: Capabilities) -> Self {
        Self { protocol: PROTOCOL, name: name.into(), capabilities }
    }

    /// Reads the peer's greeting.
    ///
    /// # Errors
    /// The error that the peer sent instead, [`Unavailable`](ErrorKind::Unavailable) when it went
    /// away, [`Unsupported`](ErrorKind::Unsupported) when it speaks another protocol.
    pub fn accept(frame: Option<&Frame>) -> Result<Self> {
        let gone = || Error::new(ErrorKind::Unavailable, "the peer went away before its greeting");
        let frame = frame.ok_or_else(gone)?;
        match frame.kind {
            Kind::Hello => {}
            Kind::Error | Kind::Lost => return Err(super::spec::error(&frame.body)),
            other => return Err(protocol(format!("{other:?} in place of a greeting"))),
        }
        let hello: Self = super::spec::from_json(&frame.body)?;
        if hello.protocol == PROTOCOL {
            return Ok(hello);
        }
        let text = format!(
            "the peer {} speaks protocol {}, this program protocol {PROTOCOL}; \
             use the same version of chia on both sides",
            hello.name, hello.protocol
        );
        Err(Error::new(ErrorKind::Unsupported, text))
    }
}

/// Greets and waits for the peer's greeting, on a socket that has no threads yet.
pub(crate) fn exchange(mut socket: &UnixStream, own: &Hello, within: Duration) -> Result<Hello> {
    let lost =
        |error| Error::new(ErrorKind::Unavailable, "cannot greet the peer").with_source(error);
    let body = Body::new().rest(&super::spec::to_json(own));
    let greeting = Outgoing::new(Kind::Hello, 0, 0, body)?;
    socket.set_read_timeout(Some(within)).map_err(lost)?;
    // A peer that refuses us says why and closes: its words count, not our failed write.
    Outgoing::write_all(&[greeting], &mut socket).ok();
    let frame = Frame::read(&mut socket).map_err(|error| {
        let text = format!("the peer did not greet within {} s", within.as_secs());
        Error::new(ErrorKind::Unavailable, text).with_source(error)
    })?;
    socket.set_read_timeout(None).map_err(lost)?;
    Hello::accept(frame.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, body: &str) -> Frame {
        Frame { kind, id: 0, task: 0, body: body.to_owned().into() }
    }

    #[test]
    fn another_protocol_is_refused_with_both_versions() {
        let body = r#"{"protocol": 7, "name": "bridge", "news": 1}"#;
        let error = Hello::accept(Some(&frame(Kind::Hello, body))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("protocol 7"), "{error}");
    }

    #[test]
    fn an_error_may_come_instead_of_a_greeting() {
        let body =
            r#"{"kind": "unavailable", "message": "no cluster", "function": null, "node": null}"#;
        let error = Hello::accept(Some(&frame(Kind::Error, body))).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "no cluster"));
        assert_eq!(Hello::accept(None).unwrap_err().kind(), ErrorKind::Unavailable);
    }
}
