//! The worker's side of every backend: run or replace, keep the result, report.

mod keep;
mod replace;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::Shared;
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext};
use chia_services::{CacheLine, Door};
use lru::LruCache;

use crate::chia::{Chia, Rules, current};
use crate::envelope::{Action, CacheWrite, Envelope, Outcome, Reply, Source};
use crate::registry::{Call, Registry};

pub(crate) use keep::Breaker;

/// Rules of this many loops stay compiled in one process.
const RULES_KEPT: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");

/// The ways to this many caches stay open in one process.
const LINES_KEPT: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");

/// What a worker process keeps between tasks.
pub(crate) struct WorkerState {
    rules: Mutex<LruCache<u128, Arc<Rules>>>,
    lines: Mutex<LruCache<Door, Arc<CacheLine>>>,
    pub(crate) breaker: Breaker,
}

impl Default for WorkerState {
    fn default() -> Self {
        Self {
            rules: Mutex::new(LruCache::new(RULES_KEPT)),
            lines: Mutex::new(LruCache::new(LINES_KEPT)),
            breaker: Breaker::default(),
        }
    }
}

impl WorkerState {
    /// The compiled rules of a task: compiled at their first task here, and never those of another.
    fn rules(&self, shared: Option<&Shared>) -> Result<Arc<Rules>> {
        let shared = shared
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "a task came without its rules"))?;
        let known =
            self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(&shared.hash).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let rules = Arc::new(Rules::unpack(shared)?);
        self.learn(&rules);
        Ok(rules)
    }

    /// The way through a cache's door, with its connections.
    pub(crate) fn line(&self, door: Door) -> Arc<CacheLine> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let key = door.clone();
        Arc::clone(lines.get_or_insert(key, || Arc::new(CacheLine::new(Some(door)))))
    }

    /// Saves the compiling where driver and worker are one process.
    pub(crate) fn learn(&self, rules: &Arc<Rules>) {
        let mut known = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(rules.shared.hash, Arc::clone(rules));
    }
}

#[async_trait]
impl Host for Registry {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        let rules = self.worker().rules(job.shared.as_ref())?;
        let envelope = Envelope::decode(&job.payload)?;
        let args = envelope.arguments(&job.payload, job.args)?;
        let chia = Chia::in_task(self.clone(), rules, context);
        let task = Running { function: &job.entry, envelope, args, chia: chia.clone() };
        current::scope(chia, task.run()).await
    }

    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        self.open_actor(kind, init, context)
    }
}

/// One task on its worker.
struct Running<'a> {
    function: &'a str,
    envelope: Envelope<'a>,
    args: Vec<Bytes>,
    chia: Chia,
}

/// A value and how it came about, before it is kept.
struct Made {
    value: Bytes,
    source: Source,
    took: Duration,
    saved: Duration,
}

impl Running<'_> {
    async fn run(mut self) -> Result<Bytes> {
        let made = self.make().await?;
        let write = match made.source {
            // Reading it has refreshed it.
            Source::Replayed => CacheWrite::NotAsked,
            _ if self.envelope.write => Box::pin(self.keep(&made)).await,
            _ => CacheWrite::NotAsked,
        };
        let outcome = Outcome {
            source: made.source,
            took: made.took,
            saved: made.saved,
            write,
            node: self.chia.place().map_or_else(String::new, |place| place.node.clone()),
            pid: std::process::id(),
            nested: self.chia.tallies(),
        };
        Reply::seal(made.value, &outcome)
    }

    /// What costs I/O anyway is boxed, so that the future of a plain call stays small: all tasks in
    /// flight hold one, and allocators are slower above 1 KiB.
    async fn make(&mut self) -> Result<Made> {
        match self.envelope.action {
            Action::Run => self.compute().await,
            Action::Provider => Box::pin(self.provide()).await,
            Action::File => Box::pin(self.serve()).await,
            Action::Replay { or_fail } => match Box::pin(self.replay()).await {
                Ok(made) => Ok(made),
                Err(miss) if or_fail => Err(miss),
                Err(miss) => {
                    tracing::debug!(function = self.function, %miss, "runs: nothing to replay");
                    self.compute().await
                }
            },
        }
    }

    async fn compute(&mut self) -> Result<Made> {
        let body = Arc::clone(&self.chia.registry().find_function(self.function)?.call.body);
        let call = Call { args: std::mem::take(&mut self.args), site: None };
        let encoded = body.call(call).await?;
        Ok(Made {
            value: encoded.value,
            source: Source::Ran,
            took: encoded.took,
            saved: Duration::ZERO,
        })
    }
}
