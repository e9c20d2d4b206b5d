//! What a program can run: functions, providers, conditions and kinds of actors.
//!
//! A program fills its registry before anything else, in the driver and in every worker alike, so
//! that a name means the same everywhere. A loop then *selects* what is registered.

mod actor;
mod args;
#[doc(hidden)]
pub mod body;
mod erased;
mod function;
mod method;
mod replace;
mod site;
mod worth;

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chia_dispatch::{Actor, Error, ErrorKind, Result, TaskContext};
use chia_services::codec::Value;

pub use actor::ActorKind;
pub(crate) use actor::{Methods, full_name};
pub(crate) use args::Slot;
pub use args::{Arguments, IntoArg, IntoArguments, Shown};
pub(crate) use body::{BoxError, Invocation};
pub(crate) use erased::{Call, Encoded, ErasedCall, ErasedCondition};
pub use function::Function;
pub(crate) use function::{Callee, Identity};
pub use method::{AnyMethod, IntoMethod, Method};
pub use replace::{Condition, Provider};
pub use site::Site;
pub(crate) use worth::Worth;

pub(crate) type ActorFactory =
    Arc<dyn Fn(Bytes, TaskContext) -> Result<Box<dyn Actor>> + Send + Sync>;

/// A registered function, provider or condition with the types it was registered for.
pub(crate) struct Registered<B: ?Sized> {
    pub(crate) body: Arc<B>,
    pub(crate) signature: Signature,
}

impl<B: ?Sized> Clone for Registered<B> {
    fn clone(&self) -> Self {
        Self { body: Arc::clone(&self.body), signature: self.signature }
    }
}

/// A registered function with what its calls need.
#[derive(Clone)]
pub(crate) struct RegisteredFunction {
    pub(crate) call: Registered<dyn ErasedCall>,
    pub(crate) callee: Callee,
    pub(crate) identity: Identity,
    /// The number of parameters.
    pub(crate) arity: usize,
}

/// The types of a function, to be compared where they meet at run time.
///
/// Names of types are for messages alone: two types may have one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    pub(crate) args: &'static str,
    pub(crate) result: &'static str,
    types: (TypeId, TypeId),
}

impl Signature {
    pub(crate) fn of<A: 'static, R: 'static>() -> Self {
        let types = (TypeId::of::<A>(), TypeId::of::<R>());
        Self { args: type_name::<A>(), result: type_name::<R>(), types }
    }
}

impl PartialEq for Signature {
    fn eq(&self, other: &Self) -> bool {
        self.types == other.types
    }
}

impl Eq for Signature {}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.args, self.result)
    }
}

/// All that a program can run. A [`Worker`](crate::Worker) runs tasks with it.
///
/// ```
/// use chia_loop::{Function, Registry};
///
/// static DOUBLE: Function<(i64,), i64> = Function::new("double", &|x: i64| 2 * x);
///
/// fn registry() -> Registry {
///     Registry::new().function(&DOUBLE)
/// }
/// ```
///
/// Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Registry(Arc<Entries>);

#[derive(Clone, Default)]
struct Entries {
    functions: BTreeMap<&'static str, RegisteredFunction>,
    providers: BTreeMap<&'static str, Registered<dyn ErasedCall>>,
    conditions: BTreeMap<&'static str, Registered<dyn ErasedCondition>>,
    actors: BTreeMap<&'static str, ActorFactory>,
}

impl Registry {
    /// A registry with nothing of the program's own: it can run the cache and the file server.
    #[must_use]
    pub fn new() -> Self {
        let registry = Self(Arc::default());
        let registry = registry.actor(chia_services::CACHE_KIND, chia_services::open_cache);
        registry.actor(chia_services::FILES_KIND, chia_services::open_files)
    }

    /// Registers a function.
    ///
    /// # Panics
    /// When another function has this name: two bodies under one name would run as chance has it.
    #[must_use]
    pub fn function<A: Arguments, R: Value>(mut self, function: &Function<A, R>) -> Self {
        let body = match function.body() {
            Ok(body) => erased::function(body, function.keep_predicate()),
            Err(elsewhere) => erased::foreign(elsewhere),
        };
        let call = Registered { body, signature: Signature::of::<A, R>() };
        let (callee, identity) = (function.callee(), function.identity());
        let entry = RegisteredFunction { call, callee, identity, arity: A::COUNT };
        let before = Arc::make_mut(&mut self.0).functions.insert(function.name(), entry);
        assert!(before.is_none(), "two functions are registered as `{}`", function.name());
        self
    }

    /// Registers a provider, for any function of its types.
    ///
    /// # Panics
    /// When another provider has this name.
    #[must_use]
    pub fn provider<A: Arguments, R: Value>(mut self, provider: &Provider<A, R>) -> Self {
        let entry = Registered {
            body: erased::provider(provider.body()),
            signature: Signature::of::<A, R>(),
        };
        let before = Arc::make_mut(&mut self.0).providers.insert(provider.name(), entry);
        assert!(before.is_none(), "two providers are registered as `{}`", provider.name());
        self
    }

    /// Registers a condition, for any function with its parameters.
    ///
    /// # Panics
    /// When another condition has this name.
    #[must_use]
    pub fn condition<A: Arguments>(mut self, condition: &Condition<A>) -> Self {
        let entry = Registered {
            body: erased::condition::<A>(condition.body()),
            signature: Signature::of::<A, bool>(),
        };
        let before = Arc::make_mut(&mut self.0).conditions.insert(condition.name(), entry);
        assert!(before.is_none(), "two conditions are registered as `{}`", condition.name());
        self
    }

    /// Registers a kind of actor by its constructor, which gets the bytes of
    /// [`ActorSpec::init`](chia_dispatch::backend::ActorSpec::init) and may block.
    ///
    /// # Panics
    /// When another kind has this name.
    #[must_use]
    pub fn actor<F>(mut self, kind: &'static str, open: F) -> Self
    where
        F: Fn(Bytes, TaskContext) -> Result<Box<dyn Actor>> + Send + Sync + 'static,
    {
        let before = Arc::make_mut(&mut self.0).actors.insert(kind, Arc::new(open));
        assert!(before.is_none(), "two kinds of actors are registered as `{kind}`");
        self
    }

    /// The names of the registered functions.
    pub fn function_names(&self) -> impl Iterator<Item = &'static str> {
        self.0.functions.keys().copied()
    }

    /// Each function with the names of its parameters, where they are known.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, Vec<Option<&str>>)> {
        self.0.functions.iter().map(|(name, function)| {
            let known = |index| function.identity.parameters.get(index).copied();
            (*name, (0..function.arity).map(known).collect())
        })
    }

    pub(crate) fn find_function(&self, name: &str) -> Result<&RegisteredFunction> {
        find(&self.0.functions, "function", name)
    }

    pub(crate) fn find_provider(&self, name: &str) -> Result<&Registered<dyn ErasedCall>> {
        find(&self.0.providers, "provider", name)
    }

    pub(crate) fn find_condition(&self, name: &str) -> Result<&Registered<dyn ErasedCondition>> {
        find(&self.0.conditions, "condition", name)
    }

    /// The constructor of a kind of actor.
    pub(crate) fn find_actor(&self, kind: &str) -> Result<&ActorFactory> {
        find(&self.0.actors, "kind of actor", kind)
    }
}

fn find<'a, T>(entries: &'a BTreeMap<&'static str, T>, what: &str, name: &str) -> Result<&'a T> {
    entries.get(name).ok_or_else(|| {
        let known: Vec<_> = entries.keys().copied().collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message =
            format!("no {what} `{name}` is registered in this program; registered: {known}");
        Error::new(ErrorKind::NotRegistered, message)
    })
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("functions", &self.0.functions.keys())
            .field("providers", &self.0.providers.keys())
            .field("conditions", &self.0.conditions.keys())
            .field("actors", &self.0.actors.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Signature;

    #[test]
    fn types_of_one_name_are_not_one_type() {
        let first = {
            struct Config;
            Signature::of::<(Config,), ()>()
        };
        let second = {
            struct Config;
            Signature::of::<(Config,), ()>()
        };
        assert_eq!(first.args, second.args, "they have one name");
        assert_ne!(first, second);
        assert_eq!(first, first);
    }
}
