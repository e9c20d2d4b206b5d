//! What a worker process is told to do.

use std::sync::Arc;

use bytes::Bytes;
use chia_dispatch::backend::TaskOptions;
use chia_dispatch::{Job, Place, Result};

use super::codec::{Body, Cursor};
use super::frame::{Frame, Kind, protocol};
use super::request::job;
use super::spec::{self, Amounts};

/// An order, as the worker sees it.
#[derive(Debug)]
pub(crate) enum Order {
    Run { job: JobToDo, place: Arc<Place> },
    Make { job: JobToDo, place: Arc<Place> },
    Call { actor: u64, method: String, payload: Bytes, args: Vec<Bytes> },
    Stop,
    Drop,
}

/// A task or constructor whose shared blob is still a number. `entry` is an actor's kind as well.
#[derive(Debug)]
pub(crate) struct JobToDo {
    pub(crate) shared: Option<u128>,
    pub(crate) entry: String,
    pub(crate) payload: Bytes,
    pub(crate) args: Vec<Bytes>,
}

/// The body of [`Kind::Run`] and [`Kind::Make`].
pub(crate) fn run(todo: &Job, place: &Place) -> Body {
    let options = TaskOptions { resources: place.resources.clone(), ..TaskOptions::default() };
    Body::new()
        .u32(place.attempt)
        .blob(&place.node)
        .hash(todo.shared.as_ref().map(|shared| shared.hash))
        .nested(job(&todo.entry, &options, &todo.payload))
        .blobs(&todo.args)
}

/// The body of [`Kind::Call`].
pub(crate) fn call(actor: u64, method: &str, payload: &Bytes, args: &[Bytes]) -> Body {
    Body::new().u64(actor).nested(Body::new().blob(method).rest(payload)).blobs(args)
}

impl Order {
    pub(crate) fn decode(frame: &Frame) -> Result<Self> {
        match frame.kind {
            Kind::Run => todo(frame.cursor()).map(|(job, place)| Self::Run { job, place }),
            Kind::Make => todo(frame.cursor()).map(|(job, place)| Self::Make { job, place }),
            Kind::Call => called(frame.cursor()),
            Kind::Stop => Ok(Self::Stop),
            Kind::Drop => Ok(Self::Drop),
            other => Err(protocol(format!("{other:?} in place of an order"))),
        }
    }
}

fn todo(mut cursor: Cursor) -> Result<(JobToDo, Arc<Place>)> {
    let (attempt, node) = (cursor.u32()?, cursor.text()?);
    let shared = cursor.hash()?;
    let mut job = Cursor::new(cursor.blob()?);
    let args = cursor.blobs()?;
    let entry = job.text()?;
    let resources = spec::from_json::<Amounts>(&job.blob()?)?.into();
    let place = Arc::new(Place { node, resources, attempt });
    Ok((JobToDo { shared, entry, payload: job.rest(), args }, place))
}

fn called(mut cursor: Cursor) -> Result<Order> {
    let actor = cursor.u64()?;
    let mut call = Cursor::new(cursor.blob()?);
    let args = cursor.blobs()?;
    Ok(Order::Call { actor, method: call.text()?, payload: call.rest(), args })
}
