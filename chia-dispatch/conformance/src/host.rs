//! The worker's side of the kit: runs scripts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::ObjectRef;
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext};
use tokio::net::TcpStream;

use super::board;
use super::script::{ACTOR, ECHO, SCRIPT, Script, Seen, Step, echo, push};

/// What the kit's tasks and actors are run by. A backend whose workers are processes serves it there
/// as well.
#[must_use]
pub fn host() -> Arc<dyn Host> {
    Arc::new(KitHost {
        #[cfg(feature = "loop")]
        program: chia_loop::Worker::new(super::program::registry()),
    })
}

struct KitHost {
    /// Runs everything but the kit's own entries and actors.
    #[cfg(feature = "loop")]
    program: chia_loop::Worker,
}

#[async_trait]
impl Host for KitHost {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        match job.entry.as_str() {
            ECHO => {
                let shared = job.shared.map(|shared| shared.bytes);
                Ok(concat(std::iter::once(job.payload).chain(job.args).chain(shared)))
            }
            SCRIPT => {
                let script = decode(&job.payload)?;
                let mut run = Run::new(&script, &context);
                run.args = job.args;
                run.all().await?;
                Ok(run.out.into())
            }
            #[cfg(feature = "loop")]
            _ if self.program.registry().function_names().any(|name| name == job.entry) => {
                self.program.run(job, context).await
            }
            other => Err(unknown("task", other)),
        }
    }

    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        if kind != ACTOR {
            #[cfg(feature = "loop")]
            return Host::actor(&self.program, kind, init, context).await;
            #[cfg(not(feature = "loop"))]
            return Err(unknown("actor", kind));
        }
        let script = decode(&init)?;
        let mut run = Run::new(&script, &context);
        run.all().await?;
        let held = run.held;
        let keeps = !script.steps.iter().any(|step| matches!(step, Step::ForgetContext));
        let context = keeps.then_some(context);
        Ok(Box::new(KitActor { context, memory: Mutex::default(), _held: held }))
    }
}

/// Remembers the texts of its calls, and runs scripts.
struct KitActor {
    /// Kept for its scripts; a host need not.
    context: Option<TaskContext>,
    memory: Mutex<Vec<Bytes>>,
    /// Connections to the board, whose end tells the case that this actor is gone.
    _held: Vec<TcpStream>,
}

#[async_trait]
impl Actor for KitActor {
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        let memory = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "push" => {
                memory().push(concat(std::iter::once(payload).chain(args)));
                Ok(Bytes::new())
            }
            "list" => Ok(memory().join(&b' ').into()),
            "script" => {
                let script = decode(&payload)?;
                let forgot = || Error::new(ErrorKind::TaskFailed, "this actor forgot its context");
                let context = self.context.as_ref().ok_or_else(forgot)?;
                let mut run = Run::new(&script, context);
                run.args = args;
                run.all().await?;
                Ok(run.out.into())
            }
            other => Err(unknown("method", other)),
        }
    }
}

/// One script on its way.
struct Run<'a> {
    script: &'a Script,
    context: &'a TaskContext,
    args: Vec<Bytes>,
    out: Vec<u8>,
    objects: Vec<ObjectRef>,
    held: Vec<TcpStream>,
}

impl<'a> Run<'a> {
    fn new(script: &'a Script, context: &'a TaskContext) -> Self {
        let (args, out, objects, held) = Default::default();
        Self { script, context, args, out, objects, held }
    }

    async fn all(&mut self) -> Result<()> {
        for step in &self.script.steps {
            self.step(step).await?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Mark(label) => board::mark(self.script.board, label).await,
            Step::Wait(label) => board::wait(self.script.board, label).await,
            Step::Hold(label) => {
                self.held.push(board::hold(self.script.board, label).await?);
                Ok(())
            }
            Step::Dwell { millis } => {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                Ok(())
            }
            Step::SpinUntilCancelled(label) => self.spin_until_cancelled(label).await,
            Step::BlockUntilOpen(label) => self.block_until_open(label).await,
            Step::Emit(text) => self.emit(text.as_bytes()),
            Step::EmitArgs => self.emit(&concat(self.args.clone())),
            Step::EmitPlace => self.emit(&self.place()?),
            Step::Fail { kind, message } => Err(Error::new(*kind, message.clone())),
            Step::Panic(message) => panic!("{message}"),
            // The actor does so when its constructor is done.
            Step::ForgetContext => Ok(()),
            Step::AbortBefore { attempt } => {
                if self.context.place().attempt < *attempt {
                    std::process::abort()
                } else {
                    Ok(())
                }
            }
            Step::Allocate { mebibytes } => allocate(*mebibytes),
            nested => self.nested(nested).await,
        }
    }

    async fn nested(&mut self, step: &Step) -> Result<()> {
        let backend = self.context.backend();
        let object = match step {
            Step::Submit { script, resources } => {
                backend.submit(script.clone().task(resources.clone())).await?
            }
            Step::Put(text) => backend.put(text.clone().into()).await?,
            Step::Pass => {
                backend.submit(echo(Bytes::new(), &std::mem::take(&mut self.objects))).await?
            }
            Step::Tell { actor, init, text } => {
                let actor = backend.actor(init.clone().actor(actor)).await?;
                backend.call_actor(&actor, push(text)).await?
            }
            Step::CancelLast => {
                let last = self.objects.last().expect("a case cancels what it submitted");
                return backend.cancel(last).await;
            }
            Step::Get => {
                for object in std::mem::take(&mut self.objects) {
                    self.out.extend(backend.get(&object).await?);
                }
                return Ok(());
            }
            other => unreachable!("{other:?} is a step of its own task"),
        };
        self.objects.push(object);
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of all steps")]
    fn emit(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.extend(bytes);
        Ok(())
    }

    fn place(&self) -> Result<Vec<u8>> {
        let place = self.context.place().clone();
        let pid = std::process::id();
        let seen =
            Seen { node: place.node, resources: place.resources, attempt: place.attempt, pid };
        serde_json::to_vec(&seen)
            .map_err(|error| Error::new(ErrorKind::Encode, "a place").with_source(error))
    }

    /// A blocking body that asks now and then whether it was cancelled. It says itself that it began,
    /// since before that it could be dropped without a notice; and that it was notified, since nobody
    /// may be there any more to say it in its place.
    async fn spin_until_cancelled(&self, label: &str) -> Result<()> {
        let context = self.context.clone();
        let (board, label) = (self.script.board, label.to_owned());
        blocking(move || {
            board::mark_blocking(board, "running")?;
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(2));
            }
            board::mark_blocking(board, &label)
        })
        .await
    }

    /// A blocking body that never asks. It keeps the context, as a host's blocking bodies do.
    async fn block_until_open(&self, label: &str) -> Result<()> {
        let context = self.context.clone();
        let stream = board::hold(self.script.board, label).await?;
        let stream = stream.into_std().map_err(|error| io("a socket", error))?;
        blocking(move || {
            let _context = context;
            stream.set_nonblocking(false).map_err(|error| io("a socket", error))?;
            std::io::Read::read(&mut &stream, &mut [0])
                .map(drop)
                .map_err(|error| io("the board", error))
        })
        .await
    }
}

async fn blocking(body: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(body).await.map_err(|error| {
        Error::new(ErrorKind::Panicked, "a blocking step of the kit").with_source(error)
    })?
}

/// Takes memory in pieces and writes to each, so that it counts however it is counted.
fn allocate(mebibytes: usize) -> Result<()> {
    let pieces: Vec<Vec<u8>> = (0..mebibytes).map(|piece| vec![piece as u8 | 1; 1 << 20]).collect();
    let sum: usize = pieces.iter().map(|piece| usize::from(piece[0])).sum();
    if sum > 0 { Ok(()) } else { Err(Error::new(ErrorKind::TaskFailed, "nothing was allocated")) }
}

fn concat(parts: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut parts = parts.into_iter().filter(|part| !part.is_empty());
    let Some(first) = parts.next() else { return Bytes::new() };
    let Some(second) = parts.next() else { return first };
    let mut all = Vec::from(first);
    all.extend(second);
    parts.for_each(|part| all.extend(part));
    all.into()
}

fn decode(payload: &[u8]) -> Result<Script> {
    serde_json::from_slice(payload)
        .map_err(|error| Error::new(ErrorKind::Decode, "no script of the kit").with_source(error))
}

fn io(what: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what} failed")).with_source(error)
}

fn unknown(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotRegistered, format!("the kit has no {what} called {name:?}"))
}
