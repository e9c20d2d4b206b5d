//! What travels of a call, and what comes back. Backends see both as opaque bytes.

use std::borrow::Cow;

use bytes::Bytes;
use chia_dispatch::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize, Serializer};

use crate::outcome::Outcome;
use crate::registry::Slot;

/// A call on its way to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    pub(crate) tag: Option<Cow<'a, str>>,
    pub(crate) action: Action,
    /// Whether a call without a tag gets one made from its arguments, on the worker.
    pub(crate) auto_tag: bool,
    /// Whether the result goes into the cache under the tag.
    pub(crate) write: bool,
    /// Whether the run has reached its first call to run again.
    pub(crate) from_reached: bool,
    /// The call's id in the record of the run, 0 without one.
    pub(crate) call: u64,
    /// The serial number of the dispatch, which the report of a failure repeats.
    pub(crate) serial: u64,
    /// Labels for the entry: name and value.
    #[serde(borrow)]
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(borrow)]
    pub(crate) args: Vec<Arg<'a>>,
}

/// What the worker is to do for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    /// Run the body.
    Run,
    /// Ask the provider that the rules select.
    Provider,
    /// Serve the file that the rules name.
    File,
    /// Serve the cached value after the time that the rules say, and compute nothing.
    Rehearse,
    /// Serve the cached value; without one run the body, or fail.
    Replay {
        /// Fail on a miss.
        or_fail: bool,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Arg<'a> {
    Value(#[serde(borrow, serialize_with = "as_bytes")] &'a [u8]),
    /// The next of the task's object arguments.
    Object,
}

impl<'a> From<&'a Slot> for Arg<'a> {
    fn from(slot: &'a Slot) -> Self {
        match slot {
            Slot::Value(bytes) => Self::Value(bytes),
            Slot::Object(_) => Self::Object,
        }
    }
}

/// In one copy, where serde would go byte by byte.
fn as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl<'a> Envelope<'a> {
    pub(crate) fn encode(&self) -> Result<Bytes> {
        postcard::to_stdvec(self).map(Bytes::from).map_err(|error| broken("a call", error))
    }

    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self> {
        postcard::from_bytes(payload).map_err(|error| broken("a call", error))
    }

    /// The encoded arguments: those of the payload in place, the others from the task's objects.
    pub(crate) fn arguments(&self, payload: &Bytes, objects: Vec<Bytes>) -> Result<Vec<Bytes>> {
        resolve(&self.args, payload, objects)
    }
}

/// The arguments of an actor's method or constructor as they travel.
pub(crate) fn pack_arguments(slots: &[Slot]) -> Result<Bytes> {
    let args: Vec<Arg<'_>> = slots.iter().map(Into::into).collect();
    postcard::to_stdvec(&args).map(Bytes::from).map_err(|error| broken("a call", error))
}

/// The encoded arguments of an actor's method or constructor.
pub(crate) fn unpack_arguments(payload: &Bytes, objects: Vec<Bytes>) -> Result<Vec<Bytes>> {
    let args: Vec<Arg<'_>> =
        postcard::from_bytes(payload).map_err(|error| broken("a call", error))?;
    resolve(&args, payload, objects)
}

fn resolve(args: &[Arg<'_>], payload: &Bytes, objects: Vec<Bytes>) -> Result<Vec<Bytes>> {
    let mut objects = objects.into_iter();
    let resolve = |arg: &Arg<'_>| match arg {
        Arg::Value(bytes) => Ok(payload.slice_ref(bytes)),
        Arg::Object => {
            let object = objects.next().ok_or_else(|| {
                Error::new(ErrorKind::Protocol, "a call came without one of its arguments")
            })?;
            Reply::open(object).map(|reply| reply.value)
        }
    };
    args.iter().map(resolve).collect()
}

/// A result as it travels: the encoded value, then how it came about.
///
/// Layout: value (a pickle) | outcome (postcard) | length of the outcome (u32 LE) | `0xC1`. Bytes that
/// end with a pickle's STOP (`.`) are a value without an outcome: a `put`, or a foreign function's result.
pub(crate) struct Reply {
    pub(crate) value: Bytes,
    pub(crate) outcome: Option<Outcome>,
}

const SEALED: u8 = 0xC1;
const TRAILER: usize = 5;

impl Reply {
    pub(crate) fn seal(value: Bytes, outcome: &Outcome) -> Result<Bytes> {
        let trailer = postcard::to_stdvec(outcome).map_err(|error| broken("a result", error))?;
        let length = u32::try_from(trailer.len()).map_err(|error| broken("a result", error))?;
        // Nobody shares the value any more once its cache write is over: nothing is copied then.
        let mut bytes = match value.try_into_mut() {
            Ok(bytes) => Vec::from(bytes),
            Err(shared) => {
                let mut copy = Vec::with_capacity(shared.len() + trailer.len() + TRAILER);
                copy.extend_from_slice(&shared);
                copy
            }
        };
        bytes.extend_from_slice(&trailer);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.push(SEALED);
        Ok(bytes.into())
    }

    pub(crate) fn open(mut bytes: Bytes) -> Result<Self> {
        if bytes.last() != Some(&SEALED) {
            return Ok(Self { value: bytes, outcome: None });
        }
        let torn = || Error::new(ErrorKind::Protocol, "a result's trailer is damaged");
        let end = bytes.len().checked_sub(TRAILER).ok_or_else(torn)?;
        let length = bytes[end..end + 4].try_into().map(u32::from_le_bytes).map_err(|_| torn())?;
        let start = end.checked_sub(length as usize).ok_or_else(torn)?;
        let outcome =
            postcard::from_bytes(&bytes[start..end]).map_err(|error| broken("a result", error))?;
        bytes.truncate(start);
        Ok(Self { value: bytes, outcome: Some(outcome) })
    }
}

fn broken(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Protocol, format!("{what} cannot be packed or unpacked"))
        .with_source(error)
}
