//! The detector of deadlocks among several tasks, while tasks wait.

use std::collections::HashSet;
use std::sync::Weak;
use std::time::Duration;

use chia_dispatch::{Error, ErrorKind};

use super::Engine;
use crate::state::deadlock::{StuckWait, stuck_waits};

/// The time between two checks for rings.
const SETTLE: Duration = Duration::from_secs(1);

/// Checks for rings for as long as tasks wait.
pub(crate) async fn watch(engine: Weak<Engine>) {
    let mut suspects = HashSet::new();
    loop {
        tokio::time::sleep(SETTLE).await;
        let Some(engine) = engine.upgrade() else { return };
        let Some(ring) = engine.look(stuck_waits) else { return };
        let stuck = ring.iter().filter(|stuck| suspects.contains(&stuck.key()));
        if let Some(youngest) = stuck.max_by_key(|stuck| stuck.waiter) {
            // Fails only when an earlier check has reported this wait already.
            let _ =
                youngest.wait.verdict.set(Error::new(ErrorKind::Deadlock, youngest.why.as_str()));
        }
        suspects = ring.iter().map(StuckWait::key).collect();
    }
}
