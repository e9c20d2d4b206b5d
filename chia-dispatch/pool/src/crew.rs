//! All worker processes of a pool: who is idle, who is on the way out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chia_dispatch::{Backend, Error, ErrorKind, Job, Place, Resources, Result, TaskContext};
use chia_wire::Running;
use tokio::sync::watch;

use super::process::{Launch, Process};

pub(super) struct Crew {
    pub(super) launch: Launch,
    /// How long a cancelled body may take to notice.
    pub(super) grace: Duration,
    /// As many processes are kept when they have nothing to do.
    pub(super) most_idle: usize,
    /// The idle; `None` when the pool was shut down.
    idle: Mutex<Option<Vec<Member>>>,
    count: watch::Sender<usize>,
}

/// A process that counts while it lives.
pub(super) struct Member {
    pub(super) process: Process,
    _counted: Counted,
}

struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Crew {
    pub(super) fn new(launch: Launch, grace: Duration, most_idle: usize) -> Self {
        let idle = Mutex::new(Some(Vec::new()));
        Self { launch, grace, most_idle, idle, count: watch::Sender::new(0) }
    }

    /// How many processes live.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// A process to work with: an idle one, or a new one.
    ///
    /// # Errors
    /// [`WorkerDied`](ErrorKind::WorkerDied) when a new process ends before it has work.
    pub(super) async fn hire(self: &Arc<Self>, context: &TaskContext) -> Result<Engaged> {
        let demand = &context.place().resources;
        let member = loop {
            let Some(member) = self.take_idle()? else { break self.start(demand).await? };
            match member.process.limit(demand) {
                Ok(()) => break member,
                // It died idle, and the work has not begun: another one takes it.
                Err(error) if error.kind() == ErrorKind::WorkerDied => {}
                Err(error) => return Err(error),
            }
        };
        let (crew, context) = (Arc::clone(self), context.clone());
        Ok(Engaged { crew, member: Some(member), running: None, context })
    }

    async fn start(&self, demand: &Resources) -> Result<Member> {
        self.count.send_modify(|count| *count += 1);
        let counted = Counted(self.count.clone());
        let process = self.launch.start().await?;
        process.limit(demand)?;
        Ok(Member { process, _counted: counted })
    }

    fn take_idle(&self) -> Result<Option<Member>> {
        let mut idle = self.idle();
        let idle = idle.as_mut().ok_or_else(shut_down)?;
        while let Some(member) = idle.pop() {
            if member.process.worker.is_alive() {
                return Ok(Some(member));
            }
        }
        Ok(None)
    }

    fn take_back(&self, member: Member) {
        if !member.process.worker.is_alive() {
            return;
        }
        let mut idle = self.idle();
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < self.most_idle) {
            idle.push(member);
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

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Member>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process with work to do. Dropped before that is done, the work is stopped: a body that ends
/// within the time of grace, and leaves no process behind, gives the process back; any other is
/// killed with its process. What the work holds is held until then.
pub(super) struct Engaged {
    crew: Arc<Crew>,
    member: Option<Member>,
    /// The task, while it runs.
    running: Option<Running>,
    context: TaskContext,
}

impl Engaged {
    pub(super) fn process(&self) -> &Process {
        &self.member.as_ref().expect("taken by `done` and `drop` alone").process
    }

    pub(super) fn process_mut(&mut self) -> &mut Process {
        &mut self.member.as_mut().expect("taken by `done` and `drop` alone").process
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

    /// The work is done: the process may do other work.
    pub(super) fn done(mut self) {
        if let Some(member) = self.member.take() {
            self.crew.take_back(member);
        }
    }

    /// Kills the process with all that it started, and returns when it is gone.
    pub(super) async fn kill(mut self) {
        if let Some(mut member) = self.member.take() {
            member.process.end().await;
        }
    }
}

impl Drop for Engaged {
    fn drop(&mut self) {
        let Some(mut member) = self.member.take() else { return };
        if !member.process.worker.is_alive() {
            return;
        }
        let (running, context) = (self.running.take(), self.context.clone());
        let crew = Arc::clone(&self.crew);
        // Without a runtime there is nobody to wait: it is killed at once.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if has_ended(running, crew.grace).await && member.process.is_alone().await {
                    crew.take_back(member);
                } else {
                    member.process.end().await;
                    drop(member);
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
