//! What is handed in to run once.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ObjectRef;
use crate::resources::Resources;

/// One task, as a backend sees it: opaque bytes for the [`Host`](crate::Host), and where to run it.
#[derive(Clone, Debug)]
pub struct Task {
    /// What the host is asked to run: the name of a registered function.
    pub entry: String,
    /// One blob for the host. A backend never looks inside.
    pub payload: Bytes,
    /// Objects whose bytes the host gets beside the payload, in this order, once all are there.
    pub args: Vec<ObjectRef>,
    /// A blob that many tasks share; a backend brings it to a worker once.
    pub shared: Option<Shared>,
    /// Where and how to run it.
    pub options: TaskOptions,
}

/// A blob that many tasks share, known by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// A hash of the bytes; equal hashes mean equal bytes.
    pub hash: u128,
    /// The bytes.
    pub bytes: Bytes,
}

/// Where and how a task runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOptions {
    /// The name shown for the task; empty means the entry's name.
    pub name: String,
    /// What the task holds while it runs. Nothing is added to it: `cpu` too is only what is here.
    pub resources: Resources,
    /// How often the task is run again after the death of its process or node. Zero by default.
    pub retries: u32,
    /// Which node.
    pub placement: Placement,
    /// The environment to run in, as JSON in the backend's own terms (Ray's `runtime_env`). Refused
    /// as [`Unsupported`](crate::ErrorKind::Unsupported) by backends that have none.
    pub runtime_env: Option<String>,
}

/// Which node a task or an actor runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Wherever the resources are free.
    #[default]
    Anywhere,
    /// On different nodes as far as possible.
    Spread,
    /// On the node that the driver runs on.
    Driver,
    /// On the node that leads the cluster; the driver's own where there is no other.
    Head,
    /// On one node, by its [`Node::id`](super::Node::id).
    Node {
        /// The node's id.
        id: String,
        /// Whether another node will do when this one is gone or can never hold the task.
        soft: bool,
    },
}
