//! What a backend tells about itself.

use serde::{Deserialize, Serialize};

use crate::resources::Resources;

/// One node of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The backend's name for the node, as [`Placement::Node`](super::Placement::Node) takes it.
    pub id: String,
    /// A name for people: a host name, or what the author called it.
    pub name: String,
    /// All that the node has, in use or not.
    pub capacity: Resources,
    /// Whether tasks can be placed there now.
    pub alive: bool,
}

/// What a backend can do beyond the contract of [`Backend`](super::Backend).
///
/// The conformance kit runs the cases of each capability that is declared, and prints those left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Tasks run in processes of their own: one that aborts fails alone.
    pub isolates_crashes: bool,
    /// A task whose process died is run again, up to [`TaskOptions::retries`](super::TaskOptions::retries).
    pub retries: bool,
    /// An actor whose process died is created anew, up to [`ActorSpec::restarts`](super::ActorSpec::restarts).
    pub restarts_actors: bool,
    /// Detached actors outlive the driver.
    pub detached_actors: bool,
    /// [`TaskOptions::runtime_env`](super::TaskOptions::runtime_env) is honoured.
    pub runtime_env: bool,
    /// [`Resources`] called `memory` is a limit that is enforced, not only an amount that is counted.
    pub enforces_memory: bool,
}
