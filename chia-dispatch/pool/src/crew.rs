//! All worker processes of a pool: who is idle, who is on the way out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chia_dispatch::{Error, ErrorKind, Result, TaskContext};
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
    pub(super) async fn hire(self: &Arc<Self>, context: &TaskContext) -> Result<Engaged> {
        let member = match self.take_idle()? {
            Some(member) => member,
            None => {
                self.count.send_modify(|count| *count += 1);
                let counted = Counted(self.count.clone());
                Member { process: self.launch.start().await?, _counted: counted }
            }
        };
        member.process.limit(&context.place().resources)?;
        let (crew, context) = (Arc::clone(self), context.clone());
        Ok(Engaged { crew, member: Some(member), context })
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

/// A process with work to do. Dropped before that is done, the process gets the time of grace and is
/// killed; what the work holds is held until then.
pub(super) struct Engaged {
    crew: Arc<Crew>,
    member: Option<Member>,
    context: TaskContext,
}

impl Engaged {
    pub(super) fn process(&self) -> &Process {
        &self.member.as_ref().expect("taken by `done` and `drop` alone").process
    }

    pub(super) fn process_mut(&mut self) -> &mut Process {
        &mut self.member.as_mut().expect("taken by `done` and `drop` alone").process
    }

    /// The work is done: the process may do other work.
    pub(super) fn done(mut self) {
        if let Some(member) = self.member.take() {
            self.crew.take_back(member);
        }
    }
}

impl Drop for Engaged {
    fn drop(&mut self) {
        let Some(mut member) = self.member.take() else { return };
        if !member.process.worker.is_alive() {
            return;
        }
        let (grace, context) = (self.crew.grace, self.context.clone());
        // Without a runtime there is nobody to wait: it is killed at once.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(grace).await;
                member.process.end().await;
                drop(member);
                drop(context);
            });
        }
    }
}

fn shut_down() -> Error {
    Error::new(ErrorKind::ShutDown, "the pool was shut down")
}
