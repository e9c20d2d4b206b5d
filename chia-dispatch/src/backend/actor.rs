//! What lives longer than one call.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ObjectRef, TaskOptions};

/// How to make an actor.
#[derive(Clone, Debug)]
pub struct ActorSpec {
    /// Its name, unique among the living; `None` for one that only its reference reaches.
    pub name: Option<String>,
    /// Which of the host's kinds of actors it is.
    pub kind: String,
    /// What its constructor gets, at the first start and at every restart.
    pub init: Bytes,
    /// Whether its calls overlap.
    pub concurrency: Concurrency,
    /// Whether it outlives the driver.
    pub lifetime: Lifetime,
    /// How often it is created anew after its process died; `u32::MAX` means always.
    pub restarts: u32,
    /// Where it runs, and what it holds while it lives.
    pub options: TaskOptions,
}

/// Whether an actor's calls overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Concurrency {
    /// One call at a time, in the order of each caller.
    Ordered,
    /// Up to this many calls at once, in no order.
    Concurrent(u32),
}

/// How long an actor lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifetime {
    /// Until the driver that made it ends, or the last reference to it is dropped.
    Driver,
    /// Until it is killed or the backend is shut down; beyond the driver where the backend can
    /// ([`Capabilities::detached_actors`](super::Capabilities::detached_actors)).
    Detached,
}

/// One call of an actor's method.
#[derive(Clone, Debug)]
pub struct ActorCall {
    /// The method's name.
    pub method: String,
    /// One blob for the method.
    pub payload: Bytes,
    /// Objects whose bytes the method gets beside the payload.
    pub args: Vec<ObjectRef>,
}

/// A counted reference to an actor, alive or not.
#[derive(Clone)]
pub struct ActorRef {
    name: Option<Arc<str>>,
    inner: Arc<dyn Any + Send + Sync>,
}

impl ActorRef {
    /// A reference that holds `inner`, called by backends alone.
    pub fn new<T: Any + Send + Sync>(name: Option<&str>, inner: Arc<T>) -> Self {
        Self { name: name.map(Arc::from), inner }
    }

    /// The actor's name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What the backend keeps inside; `None` when another backend made this reference.
    #[must_use]
    pub fn inner<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.inner.downcast_ref()
    }

    /// As [`inner`](Self::inner), shared.
    #[must_use]
    pub fn inner_arc<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.inner).downcast().ok()
    }
}

impl fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef({})", self.name().unwrap_or("unnamed"))
    }
}
