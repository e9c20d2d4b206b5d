//! A line on the standard error that shows how far a long command is, on a terminal alone.

use std::io::{self, IsTerminal, Write};

use crate::text;

/// Bytes done of a known total.
#[derive(Debug)]
pub(crate) struct Progress {
    verb: &'static str,
    total: u64,
    live: bool,
}

impl Progress {
    pub(crate) fn new(verb: &'static str, total: u64) -> Self {
        Self { verb, total, live: io::stderr().is_terminal() }
    }

    pub(crate) fn show(&self, bytes: u64) {
        if self.live {
            let share = (bytes.saturating_mul(100)).checked_div(self.total);
            let share = share.map_or(100, |share| share.min(100));
            // A terminal that went away is no reason to stop.
            let _ =
                write!(io::stderr(), "\r{} {share:3} %  {}\x1b[K", self.verb, text::bytes(bytes));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
