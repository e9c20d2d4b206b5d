//! An interrupted job ends all that it started, and says so.

use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{processes, scratch};

/// How long a cluster or a test has to clean up after itself.
const GRACE: Duration = Duration::from_secs(5);

/// From now on SIGINT, SIGTERM and SIGHUP end every process below us, then us.
pub(crate) fn end_everything_on_signals() -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _no_new_ones = processes::starting();
            eprintln!("\ninterrupted: ending what runs");
            processes::end_all(GRACE);
            scratch::remove();
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
