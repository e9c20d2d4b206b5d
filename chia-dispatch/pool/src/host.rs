//! What the in-process backend runs for us: each task in a process, tried again when that dies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::Backend;
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Result, TaskContext};

use super::actor::ProcessActor;
use super::backend::ProcessPool;
use super::crew::Crew;
use super::envelope;

pub(super) struct PoolHost {
    pub(super) crew: Arc<Crew>,
    pub(super) time_limit: Option<Duration>,
}

/// The backend for the calls that a task makes: what it submits needs an envelope too.
pub(super) fn inside(crew: &Arc<Crew>, context: &TaskContext) -> Arc<dyn Backend> {
    Arc::new(ProcessPool::new(Arc::clone(context.backend()), Arc::clone(crew)))
}

#[async_trait]
impl Host for PoolHost {
    async fn run(&self, mut job: Job, context: TaskContext) -> Result<Bytes> {
        let (retries, entry) = envelope::open_task(&job.entry)?;
        job.entry = entry.to_owned();
        let mut attempt = 0;
        loop {
            match self.attempt(&job, &context, attempt).await {
                Attempt::Answered(answer) => return answer,
                Attempt::Died(error) if attempt >= retries => return Err(error),
                Attempt::Died(_) => attempt += 1,
            }
        }
    }

    async fn actor(&self, kind: &str, init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        let spec = envelope::open_actor(init)?;
        let actor = ProcessActor::start(Arc::clone(&self.crew), kind, spec, context).await?;
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
        let running = engaged.run(job, &place, inside(&self.crew, context));
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
