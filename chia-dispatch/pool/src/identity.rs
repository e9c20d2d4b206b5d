//! The name of the backend and its capabilities.

use chia_dispatch::backend::Capabilities;

use super::memory;

pub(super) const NAME: &str = "pool";

pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        isolates_crashes: true,
        retries: true,
        restarts_actors: true,
        enforces_memory: memory::ENFORCED,
        ..Capabilities::default()
    }
}
