//! Kinds of actors with typed methods, over the untyped actors of the backends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::{Actor, Error, ErrorKind, Result};

use super::body::{Body, IntoBody, Invocation};
use super::method::AnyMethod;
use super::{Arguments, Registry};
use crate::chia::run;
use crate::envelope::unpack_arguments;

/// A kind of actor that a loop can start: its name, its constructor with the parameters `A` (a tuple),
/// and its methods. An actor is a value of type `T` that lives on a worker and runs one call at a time.
///
/// ```
/// use chia_loop::{ActorKind, Chia, Method, Registry};
///
/// struct Counter {
///     total: i64,
/// }
///
/// impl Counter {
///     fn new(start: i64) -> Self {
///         Self { total: start }
///     }
///
///     fn add(&mut self, amount: i64) -> i64 {
///         self.total += amount;
///         self.total
///     }
/// }
///
/// static COUNTER: ActorKind<Counter, (i64,)> = ActorKind::new("counter", &Counter::new, &[&ADD]);
/// static ADD: Method<Counter, (i64,), i64> = Method::new("add", &Counter::add);
///
/// # fn main() -> chia_loop::Result<()> { tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let chia = Chia::builder(Registry::new().actor_kind(&COUNTER)).start().await?;
/// let counter = chia.actor(&COUNTER, (40,)).start().await?;
/// let handle = counter.call(&ADD, (1,)).dispatch().await?; // a `Handle<i64>`, as of any call
/// assert_eq!(counter.call(&ADD, (1,)).await?, 42);
/// assert_eq!(handle.await?, 41);
/// # chia.shutdown().await }) }
/// ```
///
/// Arguments of another type, and methods of another type of actor, do not compile. A method runs outside of
/// any task: it has no [`Chia::current`](crate::Chia::current).
pub struct ActorKind<T: 'static, A: 'static> {
    name: &'static str,
    construct: Body<A, T>,
    methods: Methods<T>,
}

pub(crate) type Methods<T> = &'static [&'static dyn AnyMethod<T>];

impl<T, A> ActorKind<T, A> {
    /// A kind of actor of a name, a constructor and all its methods. The constructor is any function or
    /// non-capturing closure, sync or async, that returns `T` or a `Result` of it.
    pub const fn new<F: IntoBody<A, T, M> + Send, M: 'static>(
        name: &'static str,
        construct: &'static F,
        methods: &'static [&'static dyn AnyMethod<T>],
    ) -> Self {
        Self { name, construct: Body::new(construct), methods }
    }

    /// The name of the kind.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn methods(&self) -> Methods<T> {
        self.methods
    }
}

impl<T, A> fmt::Debug for ActorKind<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorKind({})", self.name)
    }
}

impl Registry {
    /// Registers a kind of actor with typed methods.
    ///
    /// # Panics
    /// When another kind has this name, or two of its methods have one.
    #[must_use]
    pub fn actor_kind<T: Send, A: Arguments>(self, kind: &ActorKind<T, A>) -> Self {
        let ActorKind { name, construct, methods } = *kind;
        for (index, method) in methods.iter().enumerate() {
            let before = methods[..index].iter().find(|other| other.name() == method.name());
            assert!(before.is_none(), "two methods of `{name}` are named `{}`", method.name());
        }
        self.actor(name, move |init, _| {
            let invocation = construct.call(A::decode(&unpack_arguments(&init, Vec::new())?)?);
            // This thread may block: see `Registry::actor`.
            let constructed = tokio::runtime::Handle::current().block_on(run(invocation));
            let state = Arc::new(Mutex::new(constructed.map_err(|error| error.in_function(name))?));
            Ok(Box::new(Instance { name, state, methods }))
        })
    }
}

/// The name of a method as it travels. It names the kind too, so that an actor of another kind that has
/// the same name refuses the call.
pub(crate) fn full_name(kind: &str, method: &str) -> String {
    format!("{kind}.{method}")
}

/// A living actor.
struct Instance<T: 'static> {
    name: &'static str,
    /// Locked for one call at a time: a cancelled call may still run when the next one begins.
    state: Arc<Mutex<T>>,
    methods: Methods<T>,
}

impl<T> Instance<T> {
    fn find(&self, full: &str) -> Result<&'static dyn AnyMethod<T>> {
        let method = full.strip_prefix(self.name).and_then(|rest| rest.strip_prefix('.'));
        let found = self.methods.iter().find(|known| Some(known.name()) == method);
        found.copied().ok_or_else(|| {
            let known: Vec<_> =
                self.methods.iter().map(|known| full_name(self.name, known.name())).collect();
            let message =
                format!("an actor of kind `{}` has no such method; it has: {known:?}", self.name);
            Error::new(ErrorKind::NotRegistered, message)
        })
    }

    async fn run(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes>
    where
        T: Send,
    {
        let method = self.find(method)?;
        let args = unpack_arguments(&payload, args)?;
        let state = Arc::clone(&self.state);
        run(Invocation::Blocking(Box::new(move || {
            // A method that panicked has failed alone.
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(method.call(&mut state, &args)?)
        })))
        .await
    }
}

#[async_trait]
impl<T: Send> Actor for Instance<T> {
    async fn call(&self, method: &str, payload: Bytes, args: Vec<Bytes>) -> Result<Bytes> {
        self.run(method, payload, args).await.map_err(|error| error.in_function(method))
    }
}
