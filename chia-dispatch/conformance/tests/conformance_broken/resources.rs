//! Faults in the accounting of resources and in placement.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chia_conformance::{FAR, SLOT};
use chia_dispatch::backend::{ObjectId, ObjectRef, Placement, Task};
use chia_dispatch::{CPU, ErrorKind, Host, Job, Resources, Result, TaskContext};
use tokio::sync::watch;

use crate::faulty::{Fault, Inner, deferred};

/// Counts the cpu and nothing else.
#[derive(Default)]
pub(crate) struct IgnoresCustomResources;

#[async_trait]
impl Fault for IgnoresCustomResources {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        task.options.resources = task.options.resources.without(SLOT);
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct IgnoresTheCpu;

#[async_trait]
impl Fault for IgnoresTheCpu {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        task.options.resources = task.options.resources.without(CPU);
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct RoundsUpFractions;

#[async_trait]
impl Fault for RoundsUpFractions {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        let rounded = task.options.resources.iter();
        let rounded = rounded.map(|(name, amount)| (name.to_owned(), amount.get().ceil()));
        task.options.resources = rounded.collect();
        inner.submit(task).await
    }
}

/// Gives a task that demands nothing a cpu of its own.
#[derive(Default)]
pub(crate) struct AddsACpu;

#[async_trait]
impl Fault for AddsACpu {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        if task.options.resources.is_empty() {
            task.options.resources = Resources::from([(CPU, 1.0)]);
        }
        inner.submit(task).await
    }
}

/// Queues what can never run.
#[derive(Default)]
pub(crate) struct QueuesTheInfeasible;

#[async_trait]
impl Fault for QueuesTheInfeasible {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        match inner.submit(task).await {
            Err(error) if error.kind() == ErrorKind::Infeasible => {
                Ok(deferred(ObjectId(u64::MAX), std::future::pending()))
            }
            result => result,
        }
    }
}

/// Adds up what all nodes have.
#[derive(Default)]
pub(crate) struct AddsUpTheNodes;

#[async_trait]
impl Fault for AddsUpTheNodes {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        let nodes = inner.nodes().await?;
        let sum = nodes.iter().fold(Resources::none(), |sum, node| sum.plus(&node.capacity));
        match inner.submit(task.clone()).await {
            Err(_) if sum.covers(&task.options.resources) => {
                Ok(deferred(ObjectId(u64::MAX), std::future::pending()))
            }
            result => result,
        }
    }
}

/// Lets go of a big demand while anything else could run.
#[derive(Default)]
pub(crate) struct StarvesBigDemands {
    small: Arc<watch::Sender<usize>>,
    running: AtomicUsize,
}

#[async_trait]
impl Fault for StarvesBigDemands {
    async fn submit(&self, inner: &Inner, task: Task) -> Result<ObjectRef> {
        let amount = task.options.resources.get(SLOT);
        if amount <= 1.0 {
            if amount > 0.0 {
                self.small.send_modify(|small| *small += 1);
            }
            return inner.submit(task).await;
        }
        let (inner, mut small) = (Arc::clone(inner), self.small.subscribe());
        let id = ObjectId(u64::MAX - self.running.fetch_add(1, Ordering::Relaxed) as u64);
        Ok(deferred(id, async move {
            let _ = small.wait_for(|small| *small == 0).await;
            inner.submit(task).await
        }))
    }
    async fn run(&self, host: &Arc<dyn Host>, job: Job, context: TaskContext) -> Result<Bytes> {
        let small = context.place().resources.get(SLOT) == 1.0;
        let result = host.run(job, context).await;
        if small {
            self.small.send_modify(|small| *small -= 1);
        }
        result
    }
}

#[derive(Default)]
pub(crate) struct IgnoresPlacement;

#[async_trait]
impl Fault for IgnoresPlacement {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        task.options.placement = Placement::Anywhere;
        inner.submit(task).await
    }
}

/// Thinks that every node has every resource.
#[derive(Default)]
pub(crate) struct IgnoresWhereAResourceIs;

#[async_trait]
impl Fault for IgnoresWhereAResourceIs {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        task.options.resources = task.options.resources.without(FAR);
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct TakesSoftForHard;

#[async_trait]
impl Fault for TakesSoftForHard {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        if let Placement::Node { soft, .. } = &mut task.options.placement {
            *soft = false;
        }
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct TakesHardForSoft;

#[async_trait]
impl Fault for TakesHardForSoft {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        if let Placement::Node { soft, .. } = &mut task.options.placement {
            *soft = true;
        }
        inner.submit(task).await
    }
}

#[derive(Default)]
pub(crate) struct PacksWhatIsToBeSpread;

#[async_trait]
impl Fault for PacksWhatIsToBeSpread {
    async fn submit(&self, inner: &Inner, mut task: Task) -> Result<ObjectRef> {
        if task.options.placement == Placement::Spread {
            task.options.placement = Placement::Driver;
        }
        inner.submit(task).await
    }
}
