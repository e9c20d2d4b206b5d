//! The requests of a client: [`Backend`](chia_dispatch::Backend)'s operations as frames.

use bytes::Bytes;
use chia_dispatch::Result;
use chia_dispatch::backend::{ActorSpec, TaskOptions};

use super::codec::{Body, Cursor};
use super::frame::{Frame, Kind, protocol};
use super::spec::{self, Amounts};

/// A request, as the side that serves it sees it. Numbers are the client's.
#[derive(Debug)]
pub(crate) enum Request {
    Submit { object: u64, task: SubmittedTask },
    Put { object: u64, value: Bytes },
    Get { request: u64, object: u64 },
    Ready { request: u64, object: u64 },
    Cancel { object: u64 },
    Release { id: u64 },
    Actor { actor: u64, spec: ActorSpec },
    FindActor { actor: u64, name: String },
    CallActor { object: u64, actor: u64, method: String, payload: Bytes, args: Vec<u64> },
    KillActor { request: u64, actor: u64 },
    Nodes { request: u64 },
    Shutdown { request: u64 },
}

/// A task whose arguments and shared blob are still numbers.
#[derive(Debug)]
pub(crate) struct SubmittedTask {
    pub(crate) shared: Option<u128>,
    pub(crate) options: TaskOptions,
    pub(crate) args: Vec<u64>,
    pub(crate) entry: String,
    pub(crate) payload: Bytes,
}

/// The part of a task that only its worker reads, besides the arguments. Engines pass it on unread.
pub(crate) fn job(entry: &str, options: &TaskOptions, payload: &Bytes) -> Body {
    let resources = spec::to_json(&Amounts::from(&options.resources));
    Body::new().blob(entry).blob(&resources).rest(payload)
}

pub(crate) fn submit(
    shared: Option<u128>,
    options: &TaskOptions,
    entry: &str,
    args: &[u64],
    payload: &Bytes,
) -> Body {
    let json = spec::to_json(&spec::Options::new(options, entry));
    Body::new().hash(shared).blob(&json).ids(args).nested(job(entry, options, payload))
}

pub(crate) fn actor(spec: &ActorSpec) -> Body {
    let json = spec::to_json(&spec::Actor::new(spec));
    Body::new().blob(&json).nested(job(&spec.kind, &spec.options, &spec.init))
}

pub(crate) fn call_actor(actor: u64, method: &str, args: &[u64], payload: &Bytes) -> Body {
    Body::new().u64(actor).ids(args).nested(Body::new().blob(method).rest(payload))
}

impl Request {
    pub(crate) fn decode(frame: &Frame) -> Result<Self> {
        let (id, mut cursor) = (frame.id, frame.cursor());
        Ok(match frame.kind {
            Kind::Submit => Self::Submit { object: id, task: submitted(cursor)? },
            Kind::Put => Self::Put { object: id, value: cursor.rest() },
            Kind::Get => Self::Get { request: id, object: cursor.u64()? },
            Kind::Ready => Self::Ready { request: id, object: cursor.u64()? },
            Kind::Cancel => Self::Cancel { object: id },
            Kind::Release => Self::Release { id },
            Kind::Actor => Self::Actor { actor: id, spec: actor_spec(cursor)? },
            Kind::FindActor => Self::FindActor { actor: id, name: cursor.text()? },
            Kind::CallActor => called(id, cursor)?,
            Kind::KillActor => Self::KillActor { request: id, actor: cursor.u64()? },
            Kind::Nodes => Self::Nodes { request: id },
            Kind::Shutdown => Self::Shutdown { request: id },
            other => return Err(protocol(format!("{other:?} in place of a request"))),
        })
    }
}

fn submitted(mut cursor: Cursor) -> Result<SubmittedTask> {
    let shared = cursor.hash()?;
    let options = spec::from_json::<spec::Options>(&cursor.blob()?)?.into();
    let args = cursor.ids()?;
    let mut job = Cursor::new(cursor.blob()?);
    let entry = job.text()?;
    job.blob()?;
    Ok(SubmittedTask { shared, options, args, entry, payload: job.rest() })
}

fn actor_spec(mut cursor: Cursor) -> Result<ActorSpec> {
    let form: spec::Actor = spec::from_json(&cursor.blob()?)?;
    let mut job = Cursor::new(cursor.blob()?);
    job.blob()?;
    job.blob()?;
    Ok(form.into_spec(job.rest()))
}

fn called(object: u64, mut cursor: Cursor) -> Result<Request> {
    let (actor, args) = (cursor.u64()?, cursor.ids()?);
    let mut call = Cursor::new(cursor.blob()?);
    Ok(Request::CallActor { object, actor, method: call.text()?, payload: call.rest(), args })
}
