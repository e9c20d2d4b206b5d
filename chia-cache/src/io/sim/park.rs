//! Stopping one thread in the middle of an operation, so that another can overtake it there.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::sync::lock;

thread_local! {
    static PARKING: RefCell<Option<(u64, Arc<Parking>)>> = const { RefCell::new(None) };
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Running,
    Parked,
    /// It goes on to its end.
    Released,
    Finished,
}

/// One thread that stops before the n-th operation it does on the file system.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    phase: Mutex<Phase>,
    changed: Condvar,
}

impl Parking {
    /// Runs `work` on this thread, which stops before its `n`-th operation until it is released.
    pub(crate) fn run<T>(self: &Arc<Self>, n: u64, work: impl FnOnce() -> T) -> T {
        PARKING.set(Some((n, Arc::clone(self))));
        let result = work();
        PARKING.set(None);
        self.set(Phase::Finished);
        result
    }

    fn set(&self, phase: Phase) {
        *lock(&self.phase) = phase;
        self.changed.notify_all();
    }

    /// Waits until the thread has stopped or finished; says whether it has stopped.
    pub(crate) fn wait(&self) -> bool {
        let phase = self
            .changed
            .wait_while(lock(&self.phase), |phase| *phase == Phase::Running)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *phase == Phase::Parked
    }

    /// Waits until the thread has finished, at most for `time`.
    pub(crate) fn finished_within(&self, time: Duration) -> bool {
        let (phase, _) = self
            .changed
            .wait_timeout_while(lock(&self.phase), time, |phase| *phase != Phase::Finished)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *phase == Phase::Finished
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        let mut phase = lock(&self.phase);
        if *phase != Phase::Finished {
            *phase = Phase::Released;
        }
        self.changed.notify_all();
    }

    fn park(&self) {
        let mut phase = lock(&self.phase);
        if *phase == Phase::Running {
            *phase = Phase::Parked;
            self.changed.notify_all();
        }
        drop(
            self.changed
                .wait_while(phase, |phase| *phase == Phase::Parked)
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
    }
}

/// Called before every operation.
pub(super) fn stop_here() {
    let here = PARKING.with_borrow_mut(|parking| match parking {
        Some((0, _)) => parking.take().map(|(_, parking)| parking),
        Some((n, _)) => {
            *n -= 1;
            None
        }
        None => None,
    });
    if let Some(parking) = here {
        parking.park();
    }
}
