//! An actor in a process of its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::{Actor, Error, ErrorKind, Result, TaskContext};
use tokio::sync::Mutex;

use super::workers::{Checkout, Workers};

/// Represents the actor in the driver's process, and restarts it when its own process died.
pub(super) struct ProcessActor {
    workers: Arc<Workers>,
    kind: String,
    init: Bytes,
    context: TaskContext,
    life: Mutex<Arc<Life>>,
}

/// One process of the actor, from its start to its death.
struct Life {
    checkout: Checkout,
    /// Its number in its process.
    number: u64,
    /// How often it died before.
    deaths: u32,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.checkout.process().worker.drop_actor(self.number);
    }
}

impl ProcessActor {
    pub(super) async fn start(
        workers: Arc<Workers>,
        kind: &str,
        init: Bytes,
        context: TaskContext,
    ) -> Result<Self> {
        let life = Mutex::new(Arc::new(begin(&workers, kind, &init, &context, 0).await?));
        Ok(Self { workers, kind: kind.to_owned(), init, context, life })
    }

    /// The actor's life, a new one if the last one is over and another is allowed.
    async fn life(&self) -> Result<Arc<Life>> {
        let mut life = self.life.lock().await;
        if !life.checkout.process().worker.is_alive() {
            let deaths = life.deaths.saturating_add(1);
            if !self.may_restart(deaths) {
                return Err(self.died());
            }
            let next = begin(&self.workers, &self.kind, &self.init, &self.context, deaths).await?;
            *life = Arc::new(next);
        }
        Ok(Arc::clone(&life))
    }

    fn died(&self) -> Error {
        let (actor, restarts) = (described(&self.kind, &self.context), self.context.restarts());
        let text = format!("the process of {actor} died; restarts: {restarts}");
        Error::new(ErrorKind::ActorDied, text)
    }

    /// Whether the actor may be made anew after this many deaths. `u32::MAX` sets no limit.
    fn may_restart(&self, deaths: u32) -> bool {
        let allowed = self.context.restarts();
        deaths <= allowed || allowed == u32::MAX
    }

    /// Frees the name of an actor that is not restarted.
    fn deregister(&self, life: &Life) {
        if self.may_restart(life.deaths.saturating_add(1)) {
            return;
        }
        let Some(name) = self.context.actor_name().map(str::to_owned) else { return };
        let backend = Arc::clone(self.context.backend());
        tokio::spawn(async move {
            if let Ok(Some(actor)) = backend.find_actor(&name).await {
                // Fails only when the backend is gone, and all names with it.
                backend.kill_actor(&actor).await.ok();
            }
        });
    }
}

async fn begin(
    workers: &Arc<Workers>,
    kind: &str,
    init: &Bytes,
    context: &TaskContext,
    deaths: u32,
) -> Result<Life> {
    let mut checkout = workers.acquire(context).await?;
    let mut place = context.place().clone();
    place.attempt = deaths;
    let backend = Arc::clone(context.backend());
    let made = checkout.process().worker.make(kind, init.clone(), &place, backend).await;
    match made {
        Ok(number) => Ok(Life { checkout, number, deaths }),
        Err(_) if !checkout.process().worker.is_alive() => {
            let what = format!("the constructor of {}", described(kind, context));
            Err(checkout.process_mut().post_mortem(ErrorKind::WorkerDied, &what).await)
        }
        Err(error) => {
            checkout.done();
            Err(error)
        }
    }
}

/// The actor as messages name it.
fn described(kind: &str, context: &TaskContext) -> String {
    match context.actor_name() {
        Some(name) => format!("actor `{name}` ({kind})"),
        None => format!("an actor of kind `{kind}`"),
    }
}

#[async_trait]
impl Actor for ProcessActor {
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        let life = self.life().await?;
        let worker = &life.checkout.process().worker;
        let outcome = worker.call(life.number, method, &payload, &args).await;
        if outcome.is_err() && !worker.is_alive() {
            self.deregister(&life);
            return Err(self.died());
        }
        outcome
    }
}
