//! Faults in actors.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Concurrency, ObjectId, ObjectRef,
};
use chia_dispatch::{Actor, Error, ErrorKind, Host, Resources, Result, TaskContext};

use crate::faulty::{Deferring, Fault, Inner, deferred};

#[derive(Default)]
pub(crate) struct MakesANewActorEachTime;

#[async_trait]
impl Fault for MakesANewActorEachTime {
    async fn actor(&self, inner: &Inner, spec: ActorSpec) -> Result<ActorRef> {
        inner.actor(ActorSpec { name: None, ..spec }).await
    }
}

/// Looks for the name, makes the actor, and writes the name down: not in one step.
#[derive(Default)]
pub(crate) struct LooksBeforeItMakes(Mutex<HashMap<String, ActorRef>>);

#[async_trait]
impl Fault for LooksBeforeItMakes {
    async fn actor(&self, inner: &Inner, mut spec: ActorSpec) -> Result<ActorRef> {
        let name = spec.name.take().unwrap_or_default();
        if let Some(living) = self.0.lock().unwrap().get(&name) {
            return Ok(living.clone());
        }
        let actor = inner.actor(spec).await?;
        self.0.lock().unwrap().insert(name, actor.clone());
        Ok(actor)
    }
}

#[derive(Default)]
pub(crate) struct OverlapsOrderedCalls;

#[async_trait]
impl Fault for OverlapsOrderedCalls {
    async fn actor(&self, inner: &Inner, mut spec: ActorSpec) -> Result<ActorRef> {
        spec.concurrency = Concurrency::Concurrent(100);
        inner.actor(spec).await
    }
}

/// One at a time, but whichever comes first.
#[derive(Default)]
pub(crate) struct ShufflesOrderedCalls {
    calls: AtomicU64,
    alone: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Fault for ShufflesOrderedCalls {
    async fn actor(&self, inner: &Inner, mut spec: ActorSpec) -> Result<ActorRef> {
        spec.concurrency = Concurrency::Concurrent(1000);
        inner.actor(spec).await
    }
    async fn method(
        &self,
        actor: &dyn Actor,
        name: &str,
        payload: Bytes,
        args: Vec<Bytes>,
    ) -> Result<Bytes> {
        let delay = self.calls.fetch_add(7, Ordering::Relaxed) % 3;
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let _alone = self.alone.lock().await;
        actor.call(name, payload, args).await
    }
}

#[derive(Default)]
pub(crate) struct SerialisesConcurrentCalls;

#[async_trait]
impl Fault for SerialisesConcurrentCalls {
    async fn actor(&self, inner: &Inner, mut spec: ActorSpec) -> Result<ActorRef> {
        spec.concurrency = Concurrency::Ordered;
        inner.actor(spec).await
    }
}

#[derive(Default)]
pub(crate) struct KnowsNoBoundOfConcurrency;

#[async_trait]
impl Fault for KnowsNoBoundOfConcurrency {
    async fn actor(&self, inner: &Inner, mut spec: ActorSpec) -> Result<ActorRef> {
        if let Concurrency::Concurrent(calls) = &mut spec.concurrency {
            *calls = 1000;
        }
        inner.actor(spec).await
    }
}

#[derive(Default)]
pub(crate) struct DiesOfAFailingMethod(AtomicBool);

#[async_trait]
impl Fault for DiesOfAFailingMethod {
    async fn method(
        &self,
        actor: &dyn Actor,
        name: &str,
        payload: Bytes,
        args: Vec<Bytes>,
    ) -> Result<Bytes> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::ActorDied, "a call failed before"));
        }
        let result = actor.call(name, payload, args).await;
        self.0.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    }
}

#[derive(Default)]
pub(crate) struct KeepsTheNameOfAFailedActor(Mutex<HashMap<String, Error>>);

#[async_trait]
impl Fault for KeepsTheNameOfAFailedActor {
    async fn actor(&self, inner: &Inner, spec: ActorSpec) -> Result<ActorRef> {
        let name = spec.name.clone().unwrap_or_default();
        if let Some(error) = self.0.lock().unwrap().get(&name) {
            return Err(error.clone());
        }
        let result = inner.actor(spec).await;
        if let Err(error) = &result {
            self.0.lock().unwrap().insert(name, error.clone());
        }
        result
    }
}

#[derive(Default)]
pub(crate) struct KillsNobody;

#[async_trait]
impl Fault for KillsNobody {
    async fn kill_actor(&self, _: &Inner, _: &ActorRef) -> Result<()> {
        Ok(())
    }
}

/// Leads the references of a killed actor to the next one of its name.
#[derive(Default)]
pub(crate) struct GoesByNameAlone;

#[async_trait]
impl Fault for GoesByNameAlone {
    async fn call_actor(
        &self,
        inner: &Inner,
        actor: &ActorRef,
        call: ActorCall,
    ) -> Result<ObjectRef> {
        let living = inner.find_actor(actor.name().unwrap_or_default()).await?;
        inner.call_actor(living.as_ref().unwrap_or(actor), call).await
    }
}

#[derive(Default)]
pub(crate) struct FindsNobody;

#[async_trait]
impl Fault for FindsNobody {
    async fn find_actor(&self, _: &Inner, _: &str) -> Result<Option<ActorRef>> {
        Ok(None)
    }
}

#[derive(Default)]
pub(crate) struct KeepsActorsForever(Mutex<Vec<ActorRef>>);

#[async_trait]
impl Fault for KeepsActorsForever {
    async fn actor(&self, inner: &Inner, spec: ActorSpec) -> Result<ActorRef> {
        let actor = inner.actor(spec).await?;
        self.0.lock().unwrap().push(actor.clone());
        Ok(actor)
    }
}

#[derive(Default)]
pub(crate) struct ActorsHoldNothing;

#[async_trait]
impl Fault for ActorsHoldNothing {
    async fn actor(&self, inner: &Inner, mut spec: ActorSpec) -> Result<ActorRef> {
        spec.options.resources = Resources::none();
        inner.actor(spec).await
    }
}

#[derive(Default)]
pub(crate) struct ForgetsTheArgumentsOfCalls;

#[async_trait]
impl Fault for ForgetsTheArgumentsOfCalls {
    async fn call_actor(
        &self,
        inner: &Inner,
        actor: &ActorRef,
        mut call: ActorCall,
    ) -> Result<ObjectRef> {
        call.args.clear();
        inner.call_actor(actor, call).await
    }
}

/// Sends a call on its way when its arguments are there.
#[derive(Default)]
pub(crate) struct OvertakesPendingArguments;

#[async_trait]
impl Fault for OvertakesPendingArguments {
    async fn call_actor(
        &self,
        inner: &Inner,
        actor: &ActorRef,
        call: ActorCall,
    ) -> Result<ObjectRef> {
        if call.args.is_empty() {
            return inner.call_actor(actor, call).await;
        }
        let (inner, actor) = (Arc::clone(inner), actor.clone());
        Ok(deferred(ObjectId(u64::MAX), async move {
            for arg in &call.args {
                inner.get(arg).await?;
            }
            inner.call_actor(&actor, call).await
        }))
    }
}

/// Kills an actor when its last reference is dropped, whatever it still has to do.
#[derive(Default)]
pub(crate) struct KillsWithTheLastReference;

struct KillOnDrop(Inner, ActorRef);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let (inner, actor) = (Arc::clone(&self.0), self.1.clone());
        tokio::spawn(async move { inner.kill_actor(&actor).await });
    }
}

#[async_trait]
impl Fault for KillsWithTheLastReference {
    async fn actor(&self, inner: &Inner, spec: ActorSpec) -> Result<ActorRef> {
        let actor = inner.actor(spec).await?;
        let name = actor.name().map(str::to_owned);
        Ok(ActorRef::new(name.as_deref(), Arc::new(KillOnDrop(Arc::clone(inner), actor))))
    }
    async fn call_actor(
        &self,
        inner: &Inner,
        actor: &ActorRef,
        call: ActorCall,
    ) -> Result<ObjectRef> {
        let KillOnDrop(_, actor) = actor.inner().expect("made above");
        inner.call_actor(actor, call).await
    }
}

/// Takes an actor for dead when its host has dropped the context.
#[derive(Default)]
pub(crate) struct EndsWithItsContext(Mutex<Option<Weak<dyn Backend>>>);

#[async_trait]
impl Fault for EndsWithItsContext {
    async fn make(
        &self,
        host: &Arc<dyn Host>,
        kind: &str,
        init: Bytes,
        context: TaskContext,
    ) -> Result<Box<dyn Actor>> {
        let view: Inner = Arc::new(Deferring(Arc::clone(context.backend())));
        *self.0.lock().unwrap() = Some(Arc::downgrade(&view));
        let place = Arc::new(context.place().clone());
        host.actor(kind, init, TaskContext::new(view, place, Arc::default())).await
    }
    async fn method(
        &self,
        actor: &dyn Actor,
        name: &str,
        payload: Bytes,
        args: Vec<Bytes>,
    ) -> Result<Bytes> {
        let view = self.0.lock().unwrap().clone();
        if view.and_then(|view| view.upgrade()).is_none() {
            return Err(Error::new(ErrorKind::ActorDied, "its context is gone"));
        }
        actor.call(name, payload, args).await
    }
}
