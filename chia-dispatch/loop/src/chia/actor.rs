//! Typed actors: starting them, and calling their methods.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;

use chia_dispatch::backend::{ActorCall, ActorRef, ActorSpec, Concurrency, Lifetime, TaskOptions};
use chia_dispatch::{Error, ErrorKind, Resources, Result};
use chia_services::codec::Value;

use super::{Chia, Dispatched, Handle};
use crate::envelope::{Reply, pack_arguments};
use crate::registry::{
    ActorKind, AnyMethod, Arguments, IntoArguments, Method, Methods, Slot, full_name,
};

impl Chia {
    /// An actor of a kind, with the arguments of its constructor. Nothing happens before it is
    /// [started](NewActor::start). See [`ActorKind`] for an example.
    pub fn actor<T, A: Arguments>(
        &self,
        kind: &ActorKind<T, A>,
        args: impl IntoArguments<A>,
    ) -> NewActor<T> {
        let spec = ActorSpec {
            name: None,
            kind: kind.name().to_owned(),
            init: bytes::Bytes::new(),
            concurrency: Concurrency::Ordered,
            lifetime: Lifetime::Driver,
            restarts: 0,
            options: TaskOptions::default(),
        };
        let (chia, args, kind, methods) =
            (self.clone(), args.into_slots(), kind.name(), kind.methods());
        NewActor { chia, args, kind, methods, spec }
    }
}

/// An actor that was not started yet.
#[must_use = "an actor does nothing until it is started"]
pub struct NewActor<T: 'static> {
    chia: Chia,
    args: Result<Vec<Slot>>,
    kind: &'static str,
    methods: Methods<T>,
    spec: ActorSpec,
}

impl<T> NewActor<T> {
    /// Names the actor: where one of this name lives, [`start`](Self::start) returns that one.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.spec.name = Some(name.into());
        self
    }

    /// What the actor holds while it lives; nothing unless set.
    pub fn resources(mut self, resources: impl Into<Resources>) -> Self {
        self.spec.options.resources = resources.into();
        self
    }

    /// How often it is constructed anew after the death of its process; 0 unless set. Its state begins
    /// anew, too.
    pub fn restarts(mut self, restarts: u32) -> Self {
        self.spec.restarts = restarts;
        self
    }

    /// Lets the actor outlive this program, where the backend can. A [name](Self::name) finds it again.
    pub fn detached(mut self) -> Self {
        self.spec.lifetime = Lifetime::Detached;
        self
    }

    /// Starts the actor, or finds the living one of its name. A pending argument is awaited first.
    ///
    /// # Errors
    /// [`NotRegistered`](ErrorKind::NotRegistered): the program does not register the kind. The error of
    /// the constructor or of an argument, [`Infeasible`](ErrorKind::Infeasible) resources, or a lost
    /// backend.
    pub async fn start(self) -> Result<ActorHandle<T>> {
        let Self { chia, args, kind, methods, mut spec } = self;
        let about = |error: Error| error.in_function(kind);
        chia.registry().find_actor(kind).map_err(about)?;
        let mut values = Vec::new();
        for slot in args.map_err(about)? {
            values.push(match slot {
                Slot::Value(value) => Slot::Value(value),
                Slot::Object(object) => {
                    Slot::Value(Reply::open(chia.backend().get(&object).await?)?.value)
                }
            });
        }
        spec.init = pack_arguments(&values)?;
        let actor = chia.backend().actor(spec).await.map_err(about)?;
        Ok(ActorHandle { chia, kind, methods, actor })
    }
}

/// A started actor. Cheap to clone; the actor ends when the last clone is dropped and the calls made
/// before are done, unless it is [detached](NewActor::detached).
pub struct ActorHandle<T: 'static> {
    chia: Chia,
    kind: &'static str,
    methods: Methods<T>,
    actor: ActorRef,
}

impl<T> ActorHandle<T> {
    /// A call of a method with a tuple of arguments, each a value or the [`Handle`] of another call.
    /// Nothing happens before it is dispatched or awaited. The calls of one caller run one after another,
    /// in the order of their dispatch.
    pub fn call<A: Arguments, R: Value>(
        &self,
        method: &Method<T, A, R>,
        args: impl IntoArguments<A>,
    ) -> MethodCall<R> {
        let full = full_name(self.kind, method.name());
        let listed = |known: &&dyn AnyMethod<T>| {
            known.name() == method.name() && known.types() == AnyMethod::types(method)
        };
        let args = match self.methods.iter().any(listed) {
            true => args.into_slots(),
            false => {
                let message = format!("`{}` does not list this method with these types", self.kind);
                Err(Error::new(ErrorKind::NotRegistered, message))
            }
        };
        let (chia, actor) = (self.chia.clone(), self.actor.clone());
        MethodCall { chia, actor, method: full, args, result: PhantomData }
    }

    /// Ends the actor for good. Calls under way fail.
    ///
    /// # Errors
    /// A lost backend.
    pub async fn kill(&self) -> Result<()> {
        self.chia.backend().kill_actor(&self.actor).await
    }
}

/// A call of a method that was not dispatched yet: [`dispatch`](Self::dispatch) it, or `.await` it to
/// dispatch and wait in one.
#[must_use = "a call does nothing until it is dispatched or awaited"]
pub struct MethodCall<R> {
    chia: Chia,
    actor: ActorRef,
    method: String,
    args: Result<Vec<Slot>>,
    result: PhantomData<fn() -> R>,
}

impl<R: Value> MethodCall<R> {
    /// Dispatches the call. Returns when it is on its way, without waiting for it to run.
    ///
    /// # Errors
    /// [`NotRegistered`](ErrorKind::NotRegistered): the kind does not list the method. An argument that
    /// cannot be encoded, [`ActorDied`](ErrorKind::ActorDied) when that is known already, or a lost
    /// backend.
    pub async fn dispatch(self) -> Result<Handle<R>> {
        let Self { chia, actor, method, args, .. } = self;
        let about = |error: Error| error.in_function(&method);
        let slots = args.map_err(about)?;
        let payload = pack_arguments(&slots).map_err(about)?;
        let objects = slots.into_iter().filter_map(|slot| match slot {
            Slot::Object(object) => Some(object),
            Slot::Value(_) => None,
        });
        let call = ActorCall { method: method.clone(), payload, args: objects.collect() };
        let object = chia.backend().call_actor(&actor, call).await.map_err(about)?;
        Ok(Handle::new(Dispatched::value(chia, object)))
    }
}

impl<R: Value> IntoFuture for MethodCall<R> {
    type Output = Result<R>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.dispatch().await?.get().await })
    }
}

impl<T> Clone for ActorHandle<T> {
    fn clone(&self) -> Self {
        let (chia, actor) = (self.chia.clone(), self.actor.clone());
        Self { chia, kind: self.kind, methods: self.methods, actor }
    }
}

impl<T> fmt::Debug for ActorHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorHandle({} of kind {})", self.actor.name().unwrap_or("unnamed"), self.kind)
    }
}

impl<T> fmt::Debug for NewActor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewActor({})", self.kind)
    }
}

impl<R> fmt::Debug for MethodCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodCall({})", self.method)
    }
}
