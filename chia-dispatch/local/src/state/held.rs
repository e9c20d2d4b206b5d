//! The records of leases: what running tasks hold, and what they wait for.

use std::sync::Arc;

use chia_dispatch::backend::ObjectId;
use chia_dispatch::{CPU, Error, Resources};
use tokio::sync::SetOnce;

use super::cell::Cell;
use super::scheduler::{Class, Grant};

/// The index of a lease. The slot alone may belong to another lease later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) slot: usize,
    pub(crate) holder: ObjectId,
}

/// The record of a lease.
pub(crate) struct Held {
    pub(crate) holder: Arc<Cell>,
    pub(crate) grant: Grant,
    pub(crate) waits: Vec<Arc<Wait>>,
}

impl Held {
    /// Whether it lends its `cpu` while it waits. A task does, an actor does not.
    pub(crate) fn lends_cpu(&self) -> bool {
        !self.is_actor()
    }

    /// An actor holds its resources until it is killed or dropped, whatever it waits for.
    pub(crate) fn is_actor(&self) -> bool {
        self.grant.is_pinned()
    }

    /// The resources that it holds while it waits.
    pub(crate) fn retained(&self) -> Resources {
        let all = self.grant.class.resources();
        if self.lends_cpu() { all.without(CPU) } else { all.clone() }
    }
}

/// One object that a task waits for.
pub(crate) struct Wait {
    pub(crate) target: Arc<Cell>,
    /// The call of an actor that waits; `None` for a task, or what an actor does beside its calls.
    pub(crate) call: Option<Arc<Cell>>,
    /// The classes that the target hangs on; exempt from reservations meanwhile.
    pub(crate) classes: Vec<Arc<Class>>,
    /// That it can never end.
    pub(crate) verdict: SetOnce<Error>,
}
