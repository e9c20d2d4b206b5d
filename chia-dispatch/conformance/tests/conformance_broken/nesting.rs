//! Faults in what a task's own backend does. They sit between the task and a right backend.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_conformance::SLOT;
use chia_dispatch::backend::{ObjectRef, Task};
use chia_dispatch::{Actor, ErrorKind, Host, Job, Result, TaskContext};
use tokio::sync::Semaphore;

use crate::faulty::{Fault, Faulty, Inner};

/// The context of a task whose backend has a fault. The true context is kept: what the task holds
/// goes with it.
fn inside(context: TaskContext, fault: impl Fault) -> TaskContext {
    let place = Arc::new(context.place().clone());
    let inner = Arc::clone(context.backend());
    let fault: Arc<dyn Fault> = Arc::new(Kept(fault, context));
    TaskContext::new(Arc::new(Faulty { inner, fault }), place, Arc::new(AtomicBool::new(false)))
}

struct Kept<F>(F, #[expect(dead_code, reason = "held, not read")] TaskContext);

#[async_trait]
impl<F: Fault> Fault for Kept<F> {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        self.0.submit(inner, task).await
    }
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        self.0.get(inner, object).await
    }
}

#[derive(Default)]
pub(crate) struct KeepsTheCpuWhileItWaits;

struct PollingGet;

#[async_trait]
impl Fault for PollingGet {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        while !inner.is_ready(object).await? {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        inner.get(object).await
    }
}

#[async_trait]
impl Fault for KeepsTheCpuWhileItWaits {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        host.run(job, inside(context, PollingGet)).await
    }
}

#[derive(Default)]
pub(crate) struct ReportsNoDeadlock;

struct PatientGet;

#[async_trait]
impl Fault for PatientGet {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        match inner.get(object).await {
            Err(error) if error.kind() == ErrorKind::Deadlock => std::future::pending().await,
            result => result,
        }
    }
}

#[async_trait]
impl Fault for ReportsNoDeadlock {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        host.run(job, inside(context, PatientGet)).await
    }
}

/// Counts the slots of the driver's node itself, and gives them back with the cpu.
pub(crate) struct GivesBackEverything(Arc<Semaphore>);

impl Default for GivesBackEverything {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(2)))
    }
}

struct GenerousGet(Arc<Semaphore>, usize);

#[async_trait]
impl Fault for GenerousGet {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        self.0.add_permits(self.1);
        let result = inner.get(object).await;
        let permits = self.0.acquire_many(self.1 as u32).await.expect("never closed");
        permits.forget();
        result
    }
}

#[async_trait]
impl Fault for GivesBackEverything {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        let slots = task.options.resources.get(SLOT);
        task.options.resources = task.options.resources.without(SLOT);
        task.options.name = slots.to_string();
        task.entry = format!("{slots} {}", task.entry);
        inner.submit(task).await
    }
    async fn run(&self, host: &Arc<dyn Host>, mut job: Job, context: TaskContext) -> Result<Bytes> {
        let Some((slots, entry)) = job.entry.split_once(' ') else {
            return host.run(job, context).await;
        };
        let slots = slots.parse::<f64>().expect("a number") as usize;
        job.entry = entry.to_owned();
        let permits = self.0.acquire_many(slots as u32).await.expect("never closed");
        permits.forget();
        let result = host.run(job, inside(context, GenerousGet(Arc::clone(&self.0), slots))).await;
        self.0.add_permits(slots);
        result
    }
}

/// Waits for a free cpu after the wait.
#[derive(Default)]
pub(crate) struct QueuesForTheCpuAfterAWait;

struct QueueingGet;

#[async_trait]
impl Fault for QueueingGet {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        let value = inner.get(object).await?;
        let mut queue = chia_dispatch::backend::TaskOptions::default();
        queue.resources = queue.resources.with("cpu", 1.0);
        let task = Task {
            entry: "kit_echo".to_owned(),
            payload: Bytes::new(),
            args: Vec::new(),
            shared: None,
            options: queue,
        };
        inner.get(&inner.submit(task).await?).await?;
        Ok(value)
    }
}

#[async_trait]
impl Fault for QueuesForTheCpuAfterAWait {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        host.run(job, inside(context, QueueingGet)).await
    }
}

/// Cancels the children of a task with its end.
#[derive(Default)]
pub(crate) struct EndsTheChildrenWithTheParent;

struct CountedSubmit(Arc<Mutex<Vec<ObjectRef>>>);

#[async_trait]
impl Fault for CountedSubmit {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        let object = inner.submit(task).await?;
        self.0.lock().unwrap().push(object.clone());
        Ok(object)
    }
}

#[async_trait]
impl Fault for EndsTheChildrenWithTheParent {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        let children = Arc::<Mutex<Vec<ObjectRef>>>::default();
        let inner = Arc::clone(context.backend());
        let result = host.run(job, inside(context, CountedSubmit(Arc::clone(&children)))).await;
        let children = std::mem::take(&mut *children.lock().unwrap());
        for child in children {
            inner.cancel(&child).await?;
        }
        result
    }
}

/// Reports a deadlock whenever what a task waits for does not run yet.
#[derive(Default)]
pub(crate) struct ReportsDeadlocksTooSoon;

struct HastyGet;

#[async_trait]
impl Fault for HastyGet {
    async fn get(&self, inner: &Inner, object: &ObjectRef) -> Result<Bytes> {
        match tokio::time::timeout(Duration::from_millis(1), inner.get(object)).await {
            Ok(result) => result,
            Err(_) => Err(chia_dispatch::Error::new(ErrorKind::Deadlock, "it takes too long")),
        }
    }
}

#[async_trait]
impl Fault for ReportsDeadlocksTooSoon {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        host.run(job, inside(context, HastyGet)).await
    }
}

/// Leaves behind what a nested task shares with others: the rules of its caller.
#[derive(Default)]
pub(crate) struct NestedTasksShareNothing;

struct BareSubmit;

#[async_trait]
impl Fault for BareSubmit {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        inner.submit(Task { shared: None, ..task }).await
    }
}

#[async_trait]
impl Fault for NestedTasksShareNothing {
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        host.run(job, inside(context, BareSubmit)).await
    }
}

/// As [`ReportsNoDeadlock`], for actors.
#[derive(Default)]
pub(crate) struct LetsActorsHang;

#[async_trait]
impl Fault for LetsActorsHang {
    async fn make(
        &self,
        host: &Arc<dyn Host>,
        kind: &str,
        init: Bytes,
        context: TaskContext,
    ) -> Result<Box<dyn Actor>> {
        host.actor(kind, init, inside(context, PatientGet)).await
    }
}
