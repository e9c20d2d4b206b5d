//! Actors: one instance, its inbox, and the resources that it holds while it lives.

mod calls;
mod registry;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chia_dispatch::backend::{ActorRef, ActorSpec};
use chia_dispatch::{Actor, Error, ErrorKind, Result};
use tokio::sync::SetOnce;

use self::calls::Inbox;
pub(crate) use self::calls::{call, running_call};
pub(crate) use self::registry::{Actors, living_or_new};
use super::{Engine, Lease};
use crate::state::{Cell, Class, Construction, JobKind, Queued};

/// One actor; every [`ActorRef`] to it holds this, and so does every call under way.
pub(crate) struct ActorCell {
    id: u64,
    name: Option<String>,
    kind: String,
    engine: Arc<Engine>,
    inbox: Inbox,
    construction: Arc<Cell>,
    body: Mutex<Option<Body>>,
    /// Why the actor is dead. Unset while it lives.
    end: SetOnce<Error>,
}

/// A living instance.
struct Body {
    instance: Arc<dyn Actor>,
    /// Holds the actor's resources.
    _lease: Arc<Lease>,
}

impl ActorCell {
    fn new(engine: &Arc<Engine>, spec: ActorSpec, class: Arc<Class>) -> Arc<Self> {
        let ActorSpec { name, kind, init, concurrency, restarts, .. } = spec;
        let id = engine.id().0;
        let inbox = Inbox::new(concurrency, &engine.runtime);
        let named = name.as_deref().map(Arc::from);
        let construction =
            Construction { actor: id, kind: kind.clone(), init, name: named, restarts };
        let label = name.clone().unwrap_or_else(|| kind.clone());
        let job = JobKind::Actor(Box::new(construction));
        let construction = engine.make(label, Queued::new(job, Vec::new(), Some(class)));
        let (body, end) = (Mutex::new(None), SetOnce::new());
        Arc::new(Self {
            id,
            name,
            kind,
            engine: Arc::clone(engine),
            inbox,
            construction,
            body,
            end,
        })
    }

    /// The cell of the constructor.
    pub(crate) fn construction(&self) -> &Arc<Cell> {
        &self.construction
    }

    /// Stores the instance. An actor that was ended meanwhile drops it.
    pub(crate) fn constructed(&self, instance: Arc<dyn Actor>, lease: Arc<Lease>) {
        let body = Body { instance, _lease: lease };
        let unwanted = {
            let mut slot = self.body();
            if self.end.initialized() { Some(body) } else { slot.replace(body) }
        };
        drop(unwanted);
    }

    pub(crate) fn kill(&self) {
        self.end(Error::new(ErrorKind::ActorDied, format!("{} was killed", self.label())));
    }

    /// Ends the actor for good: frees its name and its resources, and fails its calls with `why`.
    pub(crate) fn end(&self, why: Error) {
        if self.end.set(why.clone()).is_ok() {
            self.engine.actors.forget(self.id, self.name.as_deref());
            let body = self.body().take();
            drop(body);
            self.engine.settle(&self.construction, Err(why));
        }
    }

    fn instance(&self) -> Option<Arc<dyn Actor>> {
        self.body().as_ref().map(|body| Arc::clone(&body.instance))
    }

    fn label(&self) -> String {
        let Self { name, kind, .. } = self;
        name.as_ref().map_or(format!("an actor of kind `{kind}`"), |name| format!("actor `{name}`"))
    }

    fn body(&self) -> MutexGuard<'_, Option<Body>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ActorCell {
    fn drop(&mut self) {
        if !self.end.initialized() {
            let why = format!("the last reference to {} was dropped", self.label());
            self.end(Error::new(ErrorKind::ActorDied, why));
        }
    }
}

/// The reference that users hold.
pub(crate) fn reference(actor: Arc<ActorCell>) -> ActorRef {
    let name = actor.name.clone();
    ActorRef::new(name.as_deref(), actor)
}

/// The actor behind a reference, which must be one of this very backend.
pub(crate) fn of(engine: &Arc<Engine>, actor: &ActorRef) -> Result<Arc<ActorCell>> {
    let own = actor.inner_arc::<ActorCell>().filter(|cell| Arc::ptr_eq(&cell.engine, engine));
    own.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("{actor:?} was made by another backend"))
    })
}
