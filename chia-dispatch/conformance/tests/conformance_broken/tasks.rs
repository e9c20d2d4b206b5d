//! Faults in how tasks are taken, run and answered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chia_conformance::SLOT;
use chia_dispatch::backend::{ObjectId, ObjectRef, Shared, Task};
use chia_dispatch::{Error, ErrorKind, Host, Job, Result, TaskContext};
use tokio::sync::oneshot;

use crate::faulty::{Fault, Inner, deferred};

#[derive(Default)]
pub(crate) struct RunsTasksTwice;

#[async_trait]
impl Fault for RunsTasksTwice {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        drop(inner.submit(task.clone()).await?);
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct SubmitWaitsForTheEnd;

#[async_trait]
impl Fault for SubmitWaitsForTheEnd {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        let object = inner.submit(task).await?;
        let _ = inner.get(&object).await;
        Ok(object)
    }
}

/// Takes the youngest of those who wait for slots.
#[derive(Default)]
pub(crate) struct LastInFirstOut {
    /// Whether one runs, and who waits.
    stack: Mutex<(bool, Vec<oneshot::Sender<()>>)>,
}

#[async_trait]
impl Fault for LastInFirstOut {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        task.options.resources = task.options.resources.without(SLOT);
        inner.submit(task).await
    }
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        let turn = {
            let mut stack = self.stack.lock().unwrap();
            let (sender, turn) = oneshot::channel();
            if std::mem::replace(&mut stack.0, true) {
                stack.1.push(sender);
            } else {
                drop(sender);
            }
            turn
        };
        let _ = turn.await;
        let result = host.run(job, context).await;
        let mut stack = self.stack.lock().unwrap();
        match stack.1.pop() {
            Some(next) => drop(next),
            None => stack.0 = false,
        }
        result
    }
}

#[derive(Default)]
pub(crate) struct RunsOneAtATime(tokio::sync::Mutex<()>);

#[async_trait]
impl Fault for RunsOneAtATime {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        let _alone = self.0.lock().await;
        host.run(job, context).await
    }
}

#[derive(Default)]
pub(crate) struct GetConsumes(Mutex<HashSet<ObjectId>>);

#[async_trait]
impl Fault for GetConsumes {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        if !self.0.lock().unwrap().insert(object.id()) {
            return Err(Error::new(ErrorKind::Protocol, "fetched before"));
        }
        inner.get(object).await
    }
}

#[derive(Default)]
pub(crate) struct AllIsReady;

#[async_trait]
impl Fault for AllIsReady {
    async fn is_ready(&self, _: &Inner, _: &ObjectRef) -> Result<bool> {
        Ok(true)
    }
}

/// Believes that a worker has every shared blob once it has one.
#[derive(Default)]
pub(crate) struct SharesTheFirstBlob(Mutex<Option<Shared>>);

#[async_trait]
impl Fault for SharesTheFirstBlob {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        if task.shared.is_some() {
            task.shared = self.0.lock().unwrap().get_or_insert(task.shared.unwrap()).clone().into();
        }
        inner.submit(task).await
    }
}

/// Sends the shared blob along with the first task only, and forgets it.
#[derive(Default)]
pub(crate) struct ForgetsTheSharedBlob(AtomicBool);

#[async_trait]
impl Fault for ForgetsTheSharedBlob {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        if task.shared.is_some() && self.0.swap(true, Ordering::Relaxed) {
            task.shared = None;
        }
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct ReversesArguments;

#[async_trait]
impl Fault for ReversesArguments {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        task.args.reverse();
        inner.submit(task).await
    }
}

/// Runs a task whose argument failed, with nothing in its place.
#[derive(Default)]
pub(crate) struct LosesTheFailureOfAnArgument;

#[async_trait]
impl Fault for LosesTheFailureOfAnArgument {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        let Some(first) = task.args.first() else { return inner.submit(task).await };
        let (id, inner) = (first.id(), Arc::clone(inner));
        Ok(deferred(id, async move {
            for arg in &mut task.args {
                if inner.get(arg).await.is_err() {
                    *arg = inner.put(Bytes::new()).await?;
                }
            }
            inner.submit(task).await
        }))
    }
}

/// Takes the resources first and waits for the arguments then.
#[derive(Default)]
pub(crate) struct HoldsWhileItWaitsForArguments;

#[async_trait]
impl Fault for HoldsWhileItWaitsForArguments {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        if task.args.is_empty() || task.options.resources.is_empty() {
            return inner.submit(task).await;
        }
        // An actor takes the resources and lets go when the arguments are there.
        let spec = chia_dispatch::backend::ActorSpec {
            name: None,
            kind: "kit_actor".to_owned(),
            init: Bytes::from(r#"{"board":"127.0.0.1:9","steps":[]}"#),
            concurrency: chia_dispatch::backend::Concurrency::Ordered,
            lifetime: chia_dispatch::backend::Lifetime::Driver,
            restarts: 0,
            options: task.options.clone(),
        };
        let holder = inner.actor(spec).await?;
        let inner = Arc::clone(inner);
        Ok(deferred(task.args[0].id(), async move {
            for arg in &task.args {
                let _ = inner.get(arg).await;
            }
            inner.kill_actor(&holder).await?;
            inner.submit(task).await
        }))
    }
}

#[derive(Default)]
pub(crate) struct SwallowsPanics;

#[async_trait]
impl Fault for SwallowsPanics {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        match inner.get(object).await {
            Err(error) if error.kind() == ErrorKind::Panicked => Ok(Bytes::new()),
            result => result,
        }
    }
}

#[derive(Default)]
pub(crate) struct LosesMessages;

#[async_trait]
impl Fault for LosesMessages {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        inner.get(object).await.map_err(|error| Error::new(error.kind(), "the task failed"))
    }
}

#[derive(Default)]
pub(crate) struct GoesDownWithAPanic;

#[async_trait]
impl Fault for GoesDownWithAPanic {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let result = inner.get(object).await;
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Panicked) {
            inner.shutdown().await?;
        }
        result
    }
}

/// Takes a retriable error of the body for the death of its worker.
#[derive(Default)]
pub(crate) struct TriesErrorsAgain;

#[async_trait]
impl Fault for TriesErrorsAgain {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        match host.run(job.clone(), context.clone()).await {
            Err(error) if error.is_retriable() => host.run(job, context).await,
            result => result,
        }
    }
}

#[derive(Default)]
pub(crate) struct DropsEmptyValues;

#[async_trait]
impl Fault for DropsEmptyValues {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let value = inner.get(object).await?;
        if value.is_empty() { Err(Error::new(ErrorKind::Protocol, "no value")) } else { Ok(value) }
    }
}

/// Keeps lengths in sixteen bits.
#[derive(Default)]
pub(crate) struct TruncatesAt64KiB;

#[async_trait]
impl Fault for TruncatesAt64KiB {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let value = inner.get(object).await?;
        Ok(value.slice(..value.len() % (1 << 16)))
    }
}

/// Bounds its frames.
#[derive(Default)]
pub(crate) struct RefusesBigValues;

#[async_trait]
impl Fault for RefusesBigValues {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let value = inner.get(object).await?;
        if value.len() < 16 << 20 {
            return Ok(value);
        }
        Err(Error::new(ErrorKind::Protocol, "the frame is too long"))
    }
}

/// Drops what does not fit into its queue.
#[derive(Default)]
pub(crate) struct HasAShortQueue(AtomicUsize);

#[async_trait]
impl Fault for HasAShortQueue {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        if self.0.fetch_add(1, Ordering::Relaxed) < 5_000 {
            return inner.submit(task).await;
        }
        Err(Error::new(ErrorKind::Unavailable, "the queue is full"))
    }
}

/// Forgets where an error happened.
#[derive(Default)]
pub(crate) struct LosesThePlace;

#[async_trait]
impl Fault for LosesThePlace {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        inner.get(object).await.map_err(|error| Error::new(error.kind(), error.message()))
    }
}
