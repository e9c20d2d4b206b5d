//! What the in-process backend runs for us: each task in a process, tried again when that dies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext};

use super::actor::ProcessActor;
use super::crew::Crew;

pub(super) struct PoolHost {
    pub(super) crew: Arc<Crew>,
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
        let actor = ProcessActor::start(Arc::clone(&self.crew), kind, init, context).await?;
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
        let mut engaged = match self.crew.hire(context).await {
            Ok(engaged) => engaged,
            Err(error) if error.kind() == ErrorKind::WorkerDied => return Attempt::Died(error),
            Err(error) => return Attempt::Answered(Err(error)),
        };
        let mut place = context.place().clone();
        place.attempt = attempt;
        let running = engaged.run(job, &place, Arc::clone(context.backend()));
        let Some(answer) = within(self.time_limit, running).await else {
            engaged.kill().await;
            let limit = self.time_limit.unwrap_or_default();
            let text = format!("the task ran longer than {limit:?}, and its process was killed");
            return Attempt::Died(Error::new(ErrorKind::WorkerDied, text));
        };
        if answer.is_err() && !engaged.process().worker.is_alive() {
            let what = format!("task `{}`", job.entry);
            let process = engaged.process_mut();
            return Attempt::Died(process.post_mortem(ErrorKind::WorkerDied, &what).await);
        }
        engaged.done();
        Attempt::Answered(answer)
    }
}

/// What comes of some work, if it comes in time.
async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}
