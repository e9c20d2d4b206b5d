//! Time and chance, which in a simulation are part of the seed.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// Ticks of the simulated clock of this thread, if it has one.
    static TICKS: RefCell<Option<Arc<AtomicU64>>> = const { RefCell::new(None) };
}

/// Milliseconds since 1970 at which simulated time starts: all later numbers have the same length.
const START: u64 = 1_700_000_000_000;

/// While it lives, its thread has a time of its own.
#[derive(Debug)]
pub(crate) struct Clock(());

impl Clock {
    /// Starts a new clock on this thread.
    pub(crate) fn start() -> Self {
        Self::on_this_thread(Arc::default())
    }

    /// Lets this thread have the time of another.
    pub(crate) fn share(ticks: &Arc<AtomicU64>) -> Self {
        Self::on_this_thread(Arc::clone(ticks))
    }

    /// The clock of this thread, to be [shared](Self::share).
    pub(crate) fn ticks() -> Arc<AtomicU64> {
        TICKS.with_borrow(|ticks| ticks.clone().unwrap_or_default())
    }

    fn on_this_thread(ticks: Arc<AtomicU64>) -> Self {
        TICKS.set(Some(ticks));
        Self(())
    }

    /// Whether this thread has one.
    pub(crate) fn is_running() -> bool {
        TICKS.with_borrow(Option::is_some)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        TICKS.set(None);
    }
}

/// The simulated time in milliseconds since 1970, if this thread has one. It passes at every look.
pub(crate) fn now() -> Option<u64> {
    let tick = |ticks: &Arc<AtomicU64>| START + ticks.fetch_add(1, Ordering::Relaxed) + 1;
    TICKS.with_borrow(|ticks| ticks.as_ref().map(tick))
}

/// The simulated time without letting it pass; 0 if this thread has none.
pub(crate) fn peek() -> u64 {
    let now = |ticks: &Arc<AtomicU64>| START + ticks.load(Ordering::Relaxed);
    TICKS.with_borrow(|ticks| ticks.as_ref().map_or(0, now))
}

/// A number that does not come again, if this thread's time is simulated.
pub(crate) fn random() -> Option<u64> {
    now().map(|now| fastrand::Rng::with_seed(now).u64(..))
}

/// When operation `at` happens, in milliseconds since 1970.
pub(super) fn at(operation: u64) -> u64 {
    now().unwrap_or(START + operation)
}

/// A time in milliseconds since 1970.
pub(super) fn time(at: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at)
}
