//! The living actors and their names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chia_dispatch::Result;
use chia_dispatch::backend::{ActorSpec, Lifetime};

use super::ActorCell;
use crate::engine::Engine;
use crate::state::shut_down;

/// The actors of one backend.
#[derive(Default)]
pub(crate) struct Actors(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    living: HashMap<u64, Entry>,
    names: HashMap<String, u64>,
}

/// The registry keeps detached actors alive; all others live as long as their references.
struct Entry {
    actor: Weak<ActorCell>,
    _detached: Option<Arc<ActorCell>>,
}

/// The living actor of the specification's name, constructed or about to be; or a new one.
pub(crate) fn living_or_new(engine: &Arc<Engine>, spec: ActorSpec) -> Result<Arc<ActorCell>> {
    engine.check_open()?;
    let actor = {
        let mut registry = engine.actors.lock();
        if let Some(living) = spec.name.as_deref().and_then(|name| registry.get(name)) {
            return Ok(living);
        }
        let class = engine.class(&spec.options)?;
        let lifetime = spec.lifetime;
        let actor = ActorCell::new(engine, spec, class);
        registry.insert(&actor, lifetime);
        actor
    };
    engine.submit_made(&actor.construction, &[]);
    Ok(actor)
}

impl Actors {
    /// The actor of a name, if it is alive and its constructor is done.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<ActorCell>> {
        let actor = self.lock().get(name)?;
        matches!(actor.construction.outcome(), Some(Ok(_))).then_some(actor)
    }

    /// The actor of a number, if it lives.
    pub(crate) fn living(&self, id: u64) -> Option<Arc<ActorCell>> {
        self.lock().living.get(&id)?.actor.upgrade()
    }

    /// Ends all of them.
    pub(crate) fn close(&self) {
        let living: Vec<_> =
            self.lock().living.values().filter_map(|entry| entry.actor.upgrade()).collect();
        for actor in living {
            actor.end(shut_down());
        }
    }

    /// Removes a dead actor. Its name may belong to another actor already.
    pub(super) fn forget(&self, id: u64, name: Option<&str>) {
        let entry = {
            let mut registry = self.lock();
            if let Some(name) = name.filter(|name| registry.names.get(*name) == Some(&id)) {
                registry.names.remove(name);
            }
            registry.living.remove(&id)
        };
        // The entry is dropped outside of the lock: dropping an actor calls this method again.
        drop(entry);
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn get(&self, name: &str) -> Option<Arc<ActorCell>> {
        self.living.get(self.names.get(name)?)?.actor.upgrade()
    }

    fn insert(&mut self, actor: &Arc<ActorCell>, lifetime: Lifetime) {
        if let Some(name) = &actor.name {
            self.names.insert(name.clone(), actor.id);
        }
        let detached = (lifetime == Lifetime::Detached).then(|| Arc::clone(actor));
        self.living.insert(actor.id, Entry { actor: Arc::downgrade(actor), _detached: detached });
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::LocalBackend;
    use chia_dispatch::backend::{Backend, Concurrency, TaskOptions};
    use chia_dispatch::{Actor, Host, Job, Resources, TaskContext};

    struct Nothing;

    #[async_trait]
    impl Host for Nothing {
        async fn run(&self, _: Job, _: TaskContext) -> Result<Bytes> {
            Ok(Bytes::new())
        }
        async fn actor(&self, _: &str, _: Bytes, _: TaskContext) -> Result<Box<dyn Actor>> {
            Ok(Box::new(Self))
        }
    }

    #[async_trait]
    impl Actor for Nothing {
        async fn call(&self, _: &str, _: Bytes, _: Vec<Bytes>) -> Result<Bytes> {
            Ok(Bytes::new())
        }
    }

    /// The name is free without that, but a long loop that makes many actors would keep an entry of each.
    #[tokio::test]
    async fn actors_without_references_are_deregistered() {
        let node = LocalBackend::builder().node("here", Resources::none());
        let backend = node.start(Arc::new(Nothing)).unwrap();
        for lifetime in [Lifetime::Driver, Lifetime::Detached] {
            let spec = ActorSpec {
                name: Some(format!("{lifetime:?}")),
                kind: "kind".to_owned(),
                init: Bytes::new(),
                concurrency: Concurrency::Ordered,
                lifetime,
                restarts: 0,
                options: TaskOptions::default(),
            };
            drop(backend.actor(spec).await.unwrap());
        }
        let registry = backend.engine.actors.lock();
        assert_eq!((registry.living.len(), registry.names.len()), (1, 1), "but the detached");
    }
}
