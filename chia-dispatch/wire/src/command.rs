//! The commands to a worker process.

use std::sync::Arc;

use bytes::Bytes;
use chia_dispatch::backend::TaskOptions;
use chia_dispatch::{Job, Place, Result};

use super::codec::{Body, Cursor};
use super::frame::{Frame, Kind, protocol};
use super::request::job;
use super::spec::{self, Amounts};

/// A command, as the worker sees it.
#[derive(Debug)]
pub(crate) enum Command {
    Run { job: WireJob, place: Arc<Place> },
    Make { job: WireJob, place: Arc<Place> },
    Call { actor: u64, method: String, payload: Bytes, args: Vec<Bytes> },
    Stop,
    Drop,
}

/// A task or constructor whose shared blob is still a number. `entry` is an actor's kind as well.
#[derive(Debug)]
pub(crate) struct WireJob {
    pub(crate) shared: Option<u128>,
    pub(crate) entry: String,
    pub(crate) payload: Bytes,
    pub(crate) args: Vec<Bytes>,
}

/// The body of [`Kind::Run`] and [`Kind::Make`].
pub(crate) fn run(wire_job: &Job, place: &Place) -> Body {
    let options = TaskOptions { resources: place.resources.clone(), ..TaskOptions::default() };
    Body::new()
        .u32(place.attempt)
        .blob(&place.node)
        .hash(wire_job.shared.as_ref().map(|shared| shared.hash))
        .nested(job(&wire_job.entry, &options, &wire_job.payload))
        .blobs(&wire_job.args)
}

/// The body of [`Kind::Call`].
pub(crate) fn call(actor: u64, method: &str, payload: &Bytes, args: &[Bytes]) -> Body {
    Body::new().u64(actor).nested(Body::new().blob(method).rest(payload)).blobs(args)
}

impl Command {
    pub(crate) fn decode(frame: &Frame) -> Result<Self> {
        match frame.kind {
            Kind::Run => wire_job(frame.cursor()).map(|(job, place)| Self::Run { job, place }),
            Kind::Make => wire_job(frame.cursor()).map(|(job, place)| Self::Make { job, place }),
            Kind::Call => called(frame.cursor()),
            Kind::Stop => Ok(Self::Stop),
            Kind::Drop => Ok(Self::Drop),
            other => Err(protocol(format!("{other:?} in place of a command"))),
        }
    }
}

fn wire_job(mut cursor: Cursor) -> Result<(WireJob, Arc<Place>)> {
    let (attempt, node) = (cursor.u32()?, cursor.text()?);
    let shared = cursor.hash()?;
    let mut job = Cursor::new(cursor.blob()?);
    let args = cursor.blobs()?;
    let entry = job.text()?;
    let resources = spec::from_json::<Amounts>(&job.blob()?)?.into();
    let place = Arc::new(Place { node, resources, attempt });
    Ok((WireJob { shared, entry, payload: job.rest(), args }, place))
}

fn called(mut cursor: Cursor) -> Result<Command> {
    let actor = cursor.u64()?;
    let mut call = Cursor::new(cursor.blob()?);
    let args = cursor.blobs()?;
    Ok(Command::Call { actor, method: call.text()?, payload: call.rest(), args })
}
