//! Faults in cancellation, drops and shutdown.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{ObjectId, ObjectRef, Task};
use chia_dispatch::{Error, ErrorKind, Host, Job, Result, TaskContext};

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

/// Forgets whoever waits.
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
pub(crate) struct ShutdownOnlyShutsTheDoor;

#[async_trait]
impl Fault for ShutdownOnlyShutsTheDoor {
    async fn shutdown(&self, _: &Inner) -> Result<()> {
        Ok(())
    }
}
