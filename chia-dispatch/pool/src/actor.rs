//! An actor in a process of its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::{Actor, Error, ErrorKind, Result, TaskContext};
use tokio::sync::Mutex;

use super::crew::{Crew, Engaged};
use super::envelope::OpenActor;
use super::host::inside;

/// Stands for the actor in the driver's process, and makes it anew when its own process died.
pub(super) struct ProcessActor {
    crew: Arc<Crew>,
    kind: String,
    spec: OpenActor,
    context: TaskContext,
    life: Mutex<Arc<Life>>,
}

/// The actor between two deaths.
struct Life {
    engaged: Engaged,
    /// Its number in its process.
    number: u64,
    /// How often it died before.
    deaths: u32,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.engaged.process().worker.drop_actor(self.number);
    }
}

impl ProcessActor {
    pub(super) async fn start(
        crew: Arc<Crew>,
        kind: &str,
        spec: OpenActor,
        context: TaskContext,
    ) -> Result<Self> {
        let life = Mutex::new(Arc::new(begin(&crew, kind, &spec, &context, 0).await?));
        Ok(Self { crew, kind: kind.to_owned(), spec, context, life })
    }

    /// The actor's life, a new one if the last one is over and another is allowed.
    async fn life(&self) -> Result<Arc<Life>> {
        let mut life = self.life.lock().await;
        if !life.engaged.process().worker.is_alive() {
            let deaths = life.deaths.saturating_add(1);
            if deaths > self.spec.restarts && self.spec.restarts != u32::MAX {
                return Err(self.died());
            }
            let next = begin(&self.crew, &self.kind, &self.spec, &self.context, deaths).await?;
            *life = Arc::new(next);
        }
        Ok(Arc::clone(&life))
    }

    fn died(&self) -> Error {
        let OpenActor { name, restarts, .. } = &self.spec;
        let kind = &self.kind;
        let text = format!("the process of actor `{name}` ({kind}) died; restarts: {restarts}");
        Error::new(ErrorKind::ActorDied, text)
    }

    /// Frees the name of an actor that will not come back.
    fn bury(&self, life: &Life) {
        let over = life.deaths >= self.spec.restarts && self.spec.restarts != u32::MAX;
        if !over || self.spec.name.is_empty() {
            return;
        }
        let (backend, name) = (Arc::clone(self.context.backend()), self.spec.name.clone());
        tokio::spawn(async move {
            if let Ok(Some(actor)) = backend.find_actor(&name).await {
                // Fails only when the backend is gone, and all names with it.
                backend.kill_actor(&actor).await.ok();
            }
        });
    }
}

async fn begin(
    crew: &Arc<Crew>,
    kind: &str,
    spec: &OpenActor,
    context: &TaskContext,
    deaths: u32,
) -> Result<Life> {
    let mut engaged = crew.hire(context).await?;
    let mut place = context.place().clone();
    place.attempt = deaths;
    let backend = inside(crew, context);
    let made = engaged.process().worker.make(kind, spec.init.clone(), &place, backend).await;
    match made {
        Ok(number) => Ok(Life { engaged, number, deaths }),
        Err(_) if !engaged.process().worker.is_alive() => {
            let what = format!("the constructor of actor `{}` ({kind})", spec.name);
            Err(engaged.process_mut().post_mortem(ErrorKind::WorkerDied, &what).await)
        }
        Err(error) => {
            engaged.done();
            Err(error)
        }
    }
}

#[async_trait]
impl Actor for ProcessActor {
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        let life = self.life().await?;
        let worker = &life.engaged.process().worker;
        let outcome = worker.call(life.number, method, &payload, &args).await;
        if outcome.is_err() && !worker.is_alive() {
            self.bury(&life);
            return Err(self.died());
        }
        outcome
    }
}
