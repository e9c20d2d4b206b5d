//! The host behind the in-process backend: runs each task in a process, and again when that dies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext};

use super::actor::ProcessActor;
use super::workers::Workers;

pub(super) struct PoolHost {
    pub(super) workers: Arc<Workers>,
    pub(super) time_limit: Option<Duration>,
}

#[async_trait]
impl Host for PoolHost {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        let mut attempt = 0;
        loop {
            match self.attempt(&job, &context, attempt).await {
                Attempt::Answered(answer) => return answer,
                Attempt::Died(error) if attempt >= context.restarts() => return Err(error),
                Attempt::Died(_) => attempt += 1,
            }
        }
    }

    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        let actor = ProcessActor::start(Arc::clone(&self.workers), kind, init, context).await?;
        Ok(Box::new(actor))
    }
}

enum Attempt {
    /// The body came to its end; its error is an answer too.
    Answered(Result<Bytes>),
    /// Its process did.
    Died(Error),
}

impl PoolHost {
    async fn attempt(&self, job: &Job, context: &TaskContext, attempt: u32) -> Attempt {
        let mut checkout = match self.workers.acquire(context).await {
            Ok(checkout) => checkout,
            Err(error) if error.kind() == ErrorKind::WorkerDied => return Attempt::Died(error),
            Err(error) => return Attempt::Answered(Err(error)),
        };
        let mut place = context.place().clone();
        place.attempt = attempt;
        let running = checkout.run(job, &place, Arc::clone(context.backend()));
        let Some(answer) = within(self.time_limit, running).await else {
            checkout.kill().await;
            let limit = self.time_limit.unwrap_or_default();
            let text = format!("the task ran longer than {limit:?}, and its process was killed");
            return Attempt::Died(Error::new(ErrorKind::WorkerDied, text));
        };
        if answer.is_err() && !checkout.process().worker.is_alive() {
            let what = format!("task `{}`", job.entry);
            let process = checkout.process_mut();
            return Attempt::Died(process.post_mortem(ErrorKind::WorkerDied, &what).await);
        }
        checkout.done();
        Attempt::Answered(answer)
    }
}

/// The result of some work, if it ends in time.
async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}
