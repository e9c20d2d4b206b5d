//! Calls of actors: into the inbox, and through the instance.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use chia_dispatch::backend::{ActorCall, Concurrency};
use chia_dispatch::{Result, guarded};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tracing::{Instrument, Span};

use super::ActorCell;
use crate::state::{CallQueue, Cell, CellState, JobKind, MethodCall, Queued};

tokio::task_local! {
    /// The call whose method the current tokio task runs.
    static RUNNING: Arc<Cell>;
}

/// The call of an actor that waits, if this is asked from within its method: what the method has
/// spawned does not hold the actor up.
pub(crate) fn running_call() -> Option<Arc<Cell>> {
    RUNNING.try_with(Arc::clone).ok()
}

/// Where calls are queued.
pub(super) enum Inbox {
    /// For the one tokio task that runs them one after another.
    Ordered(mpsc::UnboundedSender<Call>, Arc<CallQueue>),
    /// For a permit; each call is a task of its own.
    Concurrent(Arc<Semaphore>),
}

/// A queued or running call. It keeps its actor alive.
pub(super) struct Call {
    actor: Arc<ActorCell>,
    cell: Arc<Cell>,
}

impl Inbox {
    pub(super) fn new(concurrency: Concurrency, runtime: &Handle) -> Self {
        match concurrency {
            Concurrency::Ordered => {
                let (inbox, mut calls) = mpsc::unbounded_channel::<Call>();
                let queue = Arc::<CallQueue>::default();
                let current = Arc::clone(&queue);
                runtime.spawn(async move {
                    while let Some(call) = calls.recv().await {
                        current.set_current(&call.cell);
                        call.make().await;
                    }
                });
                Self::Ordered(inbox, queue)
            }
            Concurrency::Concurrent(calls) => {
                let permits = usize::try_from(calls).unwrap_or(usize::MAX);
                let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
                Self::Concurrent(Arc::new(Semaphore::new(permits)))
            }
        }
    }
}

/// Sends a call on its way.
pub(crate) fn call(actor: &Arc<ActorCell>, call: ActorCall) -> Result<Arc<Cell>> {
    if let Some(why) = actor.end.get() {
        return Err(why.clone());
    }
    let ActorCall { method, payload, args } = call;
    for arg in &args {
        actor.engine.cell(arg)?;
    }
    let label = format!("{}.{method}", actor.construction.name);
    let queue = match &actor.inbox {
        Inbox::Ordered(_, queue) => Some(Arc::clone(queue)),
        Inbox::Concurrent(_) => None,
    };
    let job = JobKind::Call(Box::new(MethodCall { method, payload, queue }));
    let cell = actor.engine.make(label, Queued::new(job, args, None));
    let call = Call { actor: Arc::clone(actor), cell: Arc::clone(&cell) };
    match &actor.inbox {
        // The receiver is gone only when the runtime is; then no task waits.
        Inbox::Ordered(inbox, _) => drop(inbox.send(call)),
        Inbox::Concurrent(_) => drop(actor.engine.runtime.spawn(call.make())),
    }
    Ok(cell)
}

impl Call {
    /// Makes the call, unless it is cancelled or the actor ends before it is done.
    async fn make(self) {
        let Self { actor, cell } = &self;
        let outcome = tokio::select! {
            biased;
            why = actor.end.wait() => Err(why.clone()),
            _ = cell.wait() => return,
            answer = self.answer() => answer,
        };
        actor.engine.settle(cell, outcome);
    }

    async fn answer(&self) -> Result<Bytes> {
        let args = self.arguments().await?;
        let _permit = match &self.actor.inbox {
            Inbox::Concurrent(permits) => permits.acquire().await.ok(),
            Inbox::Ordered(..) => None,
        };
        // Both are there unless the call or the actor ended, which `make` sees before it polls this.
        let work = self.cell.begin(&Arc::new(AtomicBool::new(false)));
        let (Some(work), Some(instance)) = (work, self.actor.instance()) else {
            return std::future::pending().await;
        };
        match work.job {
            JobKind::Call(call) => {
                let MethodCall { method, payload, .. } = *call;
                let answer = guarded(|| instance.call(&method, payload, args));
                let span = work.span.map_or_else(Span::none, |span| *span);
                RUNNING.scope(Arc::clone(&self.cell), answer).instrument(span).await
            }
            JobKind::Task(..) | JobKind::Actor(_) => std::future::pending().await,
        }
    }

    async fn arguments(&self) -> Result<Vec<Bytes>> {
        let mut values = Vec::new();
        if let CellState::Queued { args, .. } = self.cell.state() {
            for arg in args {
                values.push(self.actor.engine.cell(&arg)?.wait().await.clone()?);
            }
        }
        Ok(values)
    }
}

impl Drop for Call {
    /// A runtime that shuts down drops its calls. Waiters on other runtimes must get an error.
    fn drop(&mut self) {
        if self.cell.outcome().is_none() {
            self.actor.engine.settle(&self.cell, Err(crate::state::shut_down()));
        }
    }
}
