//! Faults in cancellation, drops and shutdown.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{ActorCall, ActorRef, ObjectId, ObjectRef, Task};
use chia_dispatch::{Error, ErrorKind, Host, Job, Result, TaskContext};
use tokio::sync::watch;

use crate::faulty::{Fault, Inner, guarded};

/// Tells the awaiters and nobody else.
#[derive(Default)]
pub(crate) struct CancelsOnlyTheWait(Mutex<HashSet<ObjectId>>);

#[async_trait]
impl Fault for CancelsOnlyTheWait {
    async fn cancel(&self, inner: &Inner, object: &ObjectRef) -> Result<()> {
        if !inner.is_ready(object).await? {
            self.0.lock().unwrap().insert(object.id());
        }
        Ok(())
    }
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        loop {
            if self.0.lock().unwrap().contains(&object.id()) {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
            }
            if inner.is_ready(object).await? {
                return inner.get(object).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

/// Tells the awaiters when the body has ended.
#[derive(Default)]
pub(crate) struct CancelWaitsForTheBody(Mutex<HashSet<ObjectId>>);

#[async_trait]
impl Fault for CancelWaitsForTheBody {
    async fn cancel(&self, _: &Inner, object: &ObjectRef) -> Result<()> {
        self.0.lock().unwrap().insert(object.id());
        Ok(())
    }
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let value = inner.get(object).await?;
        if self.0.lock().unwrap().contains(&object.id()) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        Ok(value)
    }
}

/// Throws a result away when its task is cancelled too late.
#[derive(Default)]
pub(crate) struct CancelTakesTheResult(Mutex<HashSet<ObjectId>>);

#[async_trait]
impl Fault for CancelTakesTheResult {
    async fn cancel(&self, inner: &Inner, object: &ObjectRef) -> Result<()> {
        self.0.lock().unwrap().insert(object.id());
        inner.cancel(object).await
    }
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        if self.0.lock().unwrap().contains(&object.id()) {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        inner.get(object).await
    }
}

/// Runs bodies under a flag that nobody raises.
#[derive(Default)]
pub(crate) struct NeverTellsTheBody;

#[async_trait]
impl Fault for NeverTellsTheBody {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        let place = Arc::new(context.place().clone());
        let deaf = TaskContext::new(Arc::clone(context.backend()), place, Arc::default());
        host.run(job, deaf).await
    }
}

#[derive(Default)]
pub(crate) struct CancelsWhatIsDropped;

struct CancelOnDrop(Inner, ObjectRef);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let (inner, object) = (Arc::clone(&self.0), self.1.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { inner.cancel(&object).await });
        }
    }
}

#[async_trait]
impl Fault for CancelsWhatIsDropped {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        let object = inner.submit(task).await?;
        Ok(guarded(object.clone(), CancelOnDrop(Arc::clone(inner), object)))
    }
}

#[derive(Default)]
pub(crate) struct CancelsWithADroppedGet;

#[async_trait]
impl Fault for CancelsWithADroppedGet {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let cancel = CancelOnDrop(Arc::clone(inner), object.clone());
        let result = inner.get(object).await;
        std::mem::forget(cancel);
        result
    }
}

/// Forgets the waiters.
#[derive(Default)]
pub(crate) struct ShutdownForgetsWaiters;

#[async_trait]
impl Fault for ShutdownForgetsWaiters {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        match inner.get(object).await {
            Err(error) if error.kind() == ErrorKind::ShutDown => std::future::pending().await,
            result => result,
        }
    }
}

#[derive(Default)]
pub(crate) struct ShutdownTwiceFails(AtomicBool);

#[async_trait]
impl Fault for ShutdownTwiceFails {
    async fn shutdown(&self, inner: &Inner) -> Result<()> {
        if self.0.swap(true, Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::ShutDown, "it is shut down already"));
        }
        inner.shutdown().await
    }
}

/// Refuses calls and lets everything run on.
#[derive(Default)]
pub(crate) struct ShutdownOnlyRefusesCalls;

#[async_trait]
impl Fault for ShutdownOnlyRefusesCalls {
    async fn shutdown(&self, _: &Inner) -> Result<()> {
        Ok(())
    }
}

/// Gives away what a task holds as soon as it is cancelled, whatever its body still does.
#[derive(Default)]
pub(crate) struct GivesAwayAtOnce(Mutex<Option<Inner>>);

#[async_trait]
impl Fault for GivesAwayAtOnce {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        self.0.lock().unwrap().get_or_insert_with(|| Arc::clone(inner));
        inner.submit(task).await
    }
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        let (inner, place) = (self.0.lock().unwrap().clone(), Arc::new(context.place().clone()));
        // The body's context is none that holds anything; the one that does ends with this future.
        let inner = inner.expect("a task was submitted");
        host.run(job, TaskContext::new(inner, place, Arc::default())).await
    }
}

/// Ends the actor when a call of it is cancelled.
#[derive(Default)]
pub(crate) struct CancelsTheWholeActor(Mutex<HashMap<ObjectId, ActorRef>>);

#[async_trait]
impl Fault for CancelsTheWholeActor {
    async fn call_actor(
        &self,
        inner: &Inner,
        actor: &ActorRef,
        call: ActorCall,
    ) -> Result<ObjectRef> {
        let object = inner.call_actor(actor, call).await?;
        self.0.lock().unwrap().insert(object.id(), actor.clone());
        Ok(object)
    }
    async fn cancel(&self, inner: &Inner, object: &ObjectRef) -> Result<()> {
        inner.cancel(object).await?;
        let actor = self.0.lock().unwrap().get(&object.id()).cloned();
        match actor {
            Some(actor) => inner.kill_actor(&actor).await,
            None => Ok(()),
        }
    }
}

/// Serves what it has fetched before, after the shutdown too.
#[derive(Default)]
pub(crate) struct ServesOldResults(Mutex<HashMap<ObjectId, Bytes>>);

#[async_trait]
impl Fault for ServesOldResults {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let known = self.0.lock().unwrap().get(&object.id()).cloned();
        if let Some(value) = known {
            return Ok(value);
        }
        let value = inner.get(object).await?;
        self.0.lock().unwrap().insert(object.id(), value.clone());
        Ok(value)
    }
}

/// Shuts down when everything has ended by itself.
#[derive(Default)]
pub(crate) struct ShutdownWaitsForBodies(watch::Sender<usize>);

#[async_trait]
impl Fault for ShutdownWaitsForBodies {
    async fn shutdown(&self, inner: &Inner) -> Result<()> {
        let mut running = self.0.subscribe();
        let _ = running.wait_for(|running| *running == 0).await;
        inner.shutdown().await
    }
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        self.0.send_modify(|running| *running += 1);
        let result = host.run(job, context).await;
        self.0.send_modify(|running| *running -= 1);
        result
    }
}
