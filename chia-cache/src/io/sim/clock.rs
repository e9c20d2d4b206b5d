//! Time and chance, which in a simulation are part of the seed.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// Ticks of the simulated clock of this thread; 0 where there is none.
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// Milliseconds since 1970 at which simulated time starts: all numbers of later have the same length.
const START: u64 = 1_700_000_000_000;

/// While it lives, its thread has a time of its own.
#[derive(Debug)]
pub(crate) struct Clock(());

impl Clock {
    pub(crate) fn start() -> Self {
        TICKS.set(1);
        Self(())
    }

    /// Whether this thread has one.
    pub(crate) fn is_running() -> bool {
        TICKS.get() > 0
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        TICKS.set(0);
    }
}

/// The simulated time in milliseconds since 1970, if this thread has one. It passes at every look.
pub(crate) fn now() -> Option<u64> {
    let ticks = TICKS.get();
    (ticks > 0).then(|| {
        TICKS.set(ticks + 1);
        START + ticks
    })
}

/// A number that does not come again, if this thread's time is simulated.
pub(crate) fn random() -> Option<u64> {
    now().map(|now| fastrand::Rng::with_seed(now).u64(..))
}

/// The time of a file that was changed by operation `at`.
pub(super) fn time(at: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(START + at)
}
