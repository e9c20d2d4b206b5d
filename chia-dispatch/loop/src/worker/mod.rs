//! The worker's side of every backend: run or replace, keep the result, report.

mod fingerprint;
mod persist;
mod rehearse;
mod replace;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use chia_bypass::{Fingerprint, Usage};
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext, guarded};
use tracing::{Instrument, Span};

use crate::chia::{Chia, current, run};
use crate::envelope::{Action, Envelope, Reply};
use crate::failure::FailureReport;
use crate::outcome::{CacheWrite, Outcome, Source};
use crate::registry::{Call, Encoded, ErasedCall, Registry, Site, Worth};
use crate::span;
use crate::state::ProcessState;

/// What runs the tasks of a program: its [`Registry`], and what the process shares between tasks.
///
/// Backends take it as their [`Host`]. Cheap to clone; clones share everything.
///
/// ```
/// use std::sync::Arc;
///
/// use chia_loop::{Registry, Resources, Worker};
/// # #[cfg(feature = "local")] {
/// use chia_loop::LocalBackend;
///
/// let worker = Worker::new(Registry::new());
/// let runtime = tokio::runtime::Runtime::new()?;
/// let _entered = runtime.enter();
/// let node = Resources::from([("cpu", 2.0), ("license", 1.0)]);
/// let backend = LocalBackend::builder().node("here", node).start(Arc::new(worker))?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Worker {
    registry: Registry,
    state: Arc<ProcessState>,
}

impl Worker {
    /// The worker of a program.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self { registry, state: Arc::default() }
    }

    /// What the program registered.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn state(&self) -> &Arc<ProcessState> {
        &self.state
    }
}

impl From<Registry> for Worker {
    fn from(registry: Registry) -> Self {
        Self::new(registry)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("registry", &self.registry).finish_non_exhaustive()
    }
}

#[async_trait]
impl Host for Worker {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        let rules = self.state.rules(job.shared.as_ref())?;
        let envelope = Envelope::decode(&job.payload)?;
        let args = envelope.arguments(&job.payload, job.args)?;
        let (registry, state) = (self.registry.clone(), Arc::clone(&self.state));
        let (call, serial) = (envelope.call, envelope.serial);
        let chia = Chia::in_task(registry, state, rules, context, call);
        let task = Running::new(&job.entry, envelope, args, chia.clone())?;
        let node = chia.place().map(|place| place.node.as_str());
        let span = span::run(&job.entry, task.tag.as_deref(), node);
        // A panic is caught here, so that it takes the report along as well.
        let run = guarded(|| current::scope(chia.clone(), task.run(span.clone())));
        run.instrument(span.clone()).await.map_err(|error| {
            span::failed(&span, &error);
            FailureReport::attach(&chia, serial, error)
        })
    }

    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        let open = Arc::clone(self.registry.find_actor(kind)?);
        // Constructors block: opening a store waits for its lock and recovers.
        match tokio::task::spawn_blocking(move || open(init, context)).await {
            Ok(opened) => opened,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::new(ErrorKind::ShutDown, "the runtime is shutting down")),
        }
    }
}

/// One task on its worker.
struct Running<'a> {
    function: &'a str,
    envelope: Envelope<'a>,
    args: Vec<Bytes>,
    chia: Chia,
    /// The call's tag: its own, or one made from its arguments.
    tag: Option<Cow<'a, str>>,
    /// Made for calls that the cache may keep or replay.
    fingerprint: Option<Fingerprint>,
}

/// A value and how it came about, before it is written.
struct Produced {
    value: Bytes,
    source: Source,
    took: Duration,
    saved: Duration,
    /// Whether the function's `keep_if` lets it into the cache.
    worth: Worth,
    /// What differs from the recorded result that was served.
    stale: Option<String>,
    /// Why nothing was replayed.
    missed: Option<String>,
}

impl Produced {
    fn new(value: Bytes, source: Source, took: Duration) -> Self {
        Self {
            value,
            source,
            took,
            saved: Duration::ZERO,
            worth: Worth::Keep,
            stale: None,
            missed: None,
        }
    }
}

impl<'a> Running<'a> {
    fn new(
        function: &'a str,
        envelope: Envelope<'a>,
        args: Vec<Bytes>,
        chia: Chia,
    ) -> Result<Self> {
        if envelope.from_reached {
            chia.rules().bypass.set_from_reached();
        }
        let tag = envelope.tag.clone();
        let mut running = Self { function, envelope, args, chia, tag, fingerprint: None };
        if running.uses_cache() {
            running.identify()?;
        }
        Ok(running)
    }

    fn uses_cache(&self) -> bool {
        let replays = matches!(self.envelope.action, Action::Replay { .. } | Action::Rehearse);
        (self.envelope.write || replays) && self.chia.cache().is_some()
    }

    /// Takes the call's fingerprint and, where the rules ask for it, makes its tag.
    fn identify(&mut self) -> Result<()> {
        let identity = self.chia.registry().find_function(self.function)?.identity;
        let fingerprint = fingerprint::of(identity, &self.args);
        if self.tag.is_none() && self.envelope.auto_tag {
            let config = &self.chia.rules().data.config;
            self.tag = Some(fingerprint.auto_tag(self.function, config).into());
        }
        self.fingerprint = Some(fingerprint);
        Ok(())
    }
}

impl Running<'_> {
    async fn run(mut self, span: Span) -> Result<Bytes> {
        let started = SystemTime::now();
        let produced = self.produce().await?;
        let write = match produced.source {
            // Reading it has refreshed it.
            Source::Replayed => CacheWrite::NotAsked,
            _ if self.envelope.write => Box::pin(self.persist(&produced)).await,
            _ => CacheWrite::NotAsked,
        };
        let nested = self.chia.tallies();
        let outcome = Outcome {
            source: produced.source,
            took: produced.took,
            saved: produced.saved,
            write,
            node: self.chia.place().map_or_else(String::new, |place| place.node.clone()),
            pid: std::process::id(),
            started,
            calls: self.chia.log().gathered(),
            stale: produced.stale,
            missed: produced.missed,
            usage: match nested.is_empty() {
                true => Usage::default(),
                false => self.chia.rules().bypass.usage(),
            },
            nested,
        };
        span::succeeded(&span, &outcome);
        Reply::seal(produced.value, &outcome)
    }

    /// What costs I/O anyway is boxed, so that the future of a plain call stays small: all tasks in
    /// flight hold one, and allocators are slower above 1 KiB.
    async fn produce(&mut self) -> Result<Produced> {
        match self.envelope.action {
            Action::Run => self.compute().await,
            Action::Provider => Box::pin(self.provide()).await,
            Action::File => Box::pin(self.serve()).await,
            Action::Rehearse => Box::pin(self.rehearse()).await,
            Action::Replay { or_fail } => match Box::pin(self.replay()).await {
                Ok(produced) => Ok(produced),
                Err(miss) if or_fail => Err(miss),
                Err(miss) => {
                    tracing::debug!(function = self.function, %miss, "runs: nothing to replay");
                    let missed = Some(self.reason_of(&miss));
                    Ok(Produced { missed, ..self.compute().await? })
                }
            },
        }
    }

    async fn compute(&mut self) -> Result<Produced> {
        let body = Arc::clone(&self.chia.registry().find_function(self.function)?.call.body);
        let encoded = self.run_body(&*body, None).await?;
        let produced = Produced::new(encoded.value, Source::Ran, encoded.took);
        Ok(Produced { worth: encoded.worth, ..produced })
    }

    /// Whether the loop reports warnings to a `tracing` subscriber alone.
    fn quiet(&self) -> bool {
        self.chia.rules().data.quiet
    }

    /// Runs a function or, with a call context, a provider.
    async fn run_body(&mut self, body: &dyn ErasedCall, site: Option<Site>) -> Result<Encoded> {
        let args = std::mem::take(&mut self.args);
        let foreign = self.chia.foreign().cloned();
        run(body.invoke(Call { args, site, foreign })?).await
    }
}
