//! The worker processes of a pool: idle ones, busy ones, and those that are being ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chia_dispatch::{Backend, Error, ErrorKind, Job, Place, Resources, Result, TaskContext};
use chia_wire::Running;
use tokio::sync::watch;

use super::process::{Launch, Process};

pub(super) struct Workers {
    pub(super) launch: Launch,
    /// How long a cancelled body may take to end.
    pub(super) grace: Duration,
    /// The most idle processes that are kept.
    pub(super) max_idle: usize,
    /// The idle; `None` when the pool was shut down.
    idle: Mutex<Option<Vec<PooledProcess>>>,
    count: watch::Sender<usize>,
}

/// A process that is counted while it lives.
pub(super) struct PooledProcess {
    pub(super) process: Process,
    _live: LiveCount,
}

struct LiveCount(watch::Sender<usize>);

impl Drop for LiveCount {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Workers {
    pub(super) fn new(launch: Launch, grace: Duration, max_idle: usize) -> Self {
        let idle = Mutex::new(Some(Vec::new()));
        Self { launch, grace, max_idle, idle, count: watch::Sender::new(0) }
    }

    /// The number of living processes.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// A process to work with: an idle one, or a new one.
    ///
    /// # Errors
    /// [`WorkerDied`](ErrorKind::WorkerDied) when a new process ends before it has work.
    pub(super) async fn acquire(self: &Arc<Self>, context: &TaskContext) -> Result<Checkout> {
        let demand = &context.place().resources;
        let pooled = loop {
            let Some(pooled) = self.take_idle()? else { break self.start(demand).await? };
            match pooled.process.limit(demand) {
                Ok(()) => break pooled,
                // It died idle, and the work has not begun: another one takes it.
                Err(error) if error.kind() == ErrorKind::WorkerDied => {}
                Err(error) => return Err(error),
            }
        };
        let (workers, context) = (Arc::clone(self), context.clone());
        Ok(Checkout { workers, pooled: Some(pooled), running: None, context })
    }

    async fn start(&self, demand: &Resources) -> Result<PooledProcess> {
        self.count.send_modify(|count| *count += 1);
        let live = LiveCount(self.count.clone());
        let process = self.launch.start().await?;
        process.limit(demand)?;
        Ok(PooledProcess { process, _live: live })
    }

    fn take_idle(&self) -> Result<Option<PooledProcess>> {
        let mut idle = self.idle();
        let idle = idle.as_mut().ok_or_else(shut_down)?;
        while let Some(pooled) = idle.pop() {
            if pooled.process.worker.is_alive() {
                return Ok(Some(pooled));
            }
        }
        Ok(None)
    }

    fn give_back(&self, pooled: PooledProcess) {
        if !pooled.process.worker.is_alive() {
            return;
        }
        let mut idle = self.idle();
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < self.max_idle) {
            idle.push(pooled);
        }
    }

    /// Ends the idle, and waits until those on their way out are gone.
    pub(super) async fn close(&self) -> Result<()> {
        drop(self.idle().take());
        let mut count = self.count.subscribe();
        let gone = count.wait_for(|count| *count == 0);
        match tokio::time::timeout(self.grace + Duration::from_secs(10), gone).await {
            Ok(_) => Ok(()),
            Err(_) => {
                let text = format!("{} worker processes could not be ended", self.count());
                Err(Error::new(ErrorKind::Io, text))
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<PooledProcess>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process with work to do. Dropped before that is done, the work is stopped: a body that ends
/// within the time of grace, and leaves no process behind, gives the process back; any other is
/// killed with its process. Its resources are held until then.
pub(super) struct Checkout {
    workers: Arc<Workers>,
    pooled: Option<PooledProcess>,
    /// The task, while it runs.
    running: Option<Running>,
    context: TaskContext,
}

impl Checkout {
    pub(super) fn process(&self) -> &Process {
        &self.pooled.as_ref().expect("taken by `done` and `drop` alone").process
    }

    pub(super) fn process_mut(&mut self) -> &mut Process {
        &mut self.pooled.as_mut().expect("taken by `done` and `drop` alone").process
    }

    /// Runs a task.
    pub(super) async fn run(
        &mut self,
        job: &Job,
        place: &Place,
        backend: Arc<dyn Backend>,
    ) -> Result<Bytes> {
        let running = self.process().worker.begin(job, place, backend).await?;
        let outcome = self.running.insert(running).outcome().await;
        self.running = None;
        outcome
    }

    /// Ends the checkout of a process whose work is done: it may take other work.
    pub(super) fn done(mut self) {
        if let Some(pooled) = self.pooled.take() {
            self.workers.give_back(pooled);
        }
    }

    /// Kills the process with all that it started, and returns when it is gone.
    pub(super) async fn kill(mut self) {
        if let Some(mut pooled) = self.pooled.take() {
            pooled.process.end().await;
        }
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let Some(mut pooled) = self.pooled.take() else { return };
        if !pooled.process.worker.is_alive() {
            return;
        }
        let (running, context) = (self.running.take(), self.context.clone());
        let workers = Arc::clone(&self.workers);
        // Without a runtime nothing can wait for the body: the process is killed at once.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if has_ended(running, workers.grace).await && pooled.process.is_alone().await {
                    workers.give_back(pooled);
                } else {
                    pooled.process.end().await;
                    drop(pooled);
                }
                drop(context);
            });
        }
    }
}

/// Stops the work; whether it ended within the time of grace.
async fn has_ended(running: Option<Running>, grace: Duration) -> bool {
    match running {
        Some(running) => tokio::time::timeout(grace, running.stop()).await.is_ok(),
        // An actor does not say when it has ended.
        None => {
            tokio::time::sleep(grace).await;
            false
        }
    }
}

fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the pool was shut down")
}
