//! A progress display on stderr, for as long as it is held.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::outcome::Tally;
use crate::summary::Summary;

/// How often the live display changes on a terminal.
const LIVE: Duration = Duration::from_millis(100);

/// How often a pipe gets a line.
const PLAIN: Duration = Duration::from_secs(5);

/// A progress display of a loop: on a terminal one live line, elsewhere a line every five seconds, on
/// stderr. [`Chia::show_progress`](crate::Chia::show_progress) starts it; dropping it ends it, and
/// leaves the final state.
#[derive(Debug)]
#[must_use = "the display ends when this is dropped"]
pub struct Progress {
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Shows what `summary` gives, until it gives nothing more.
    pub(crate) fn start(summary: impl Fn() -> Option<Summary> + Send + 'static) -> Self {
        let live = io::stderr().is_terminal();
        let (end, ended) = mpsc::channel();
        let run = move || {
            let since = Instant::now();
            let every = if live { LIVE } else { PLAIN };
            loop {
                let last = ended.recv_timeout(every) != Err(RecvTimeoutError::Timeout);
                let Some(summary) = summary() else { break };
                show(&summary, since.elapsed(), live, last);
                if last {
                    break;
                }
            }
        };
        // Without a thread there is no display, and the loop is none the worse.
        let thread = thread::Builder::new().name("chia-progress".into()).spawn(run).ok();
        Self { thread: thread.map(|thread| (end, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.thread.take() {
            drop(end);
            // A panic there has been reported.
            let _ = thread.join();
        }
    }
}

/// A reader that went away is no reason to stop working.
fn show(summary: &Summary, elapsed: Duration, live: bool, last: bool) {
    let mut err = io::stderr().lock();
    let _ = if live {
        let line = fitted(&line(summary, elapsed), columns());
        let end = if last { "\n" } else { "" };
        write!(err, "\r{line}\x1b[K{end}").and_then(|()| err.flush())
    } else {
        writeln!(err, "{}", line(summary, elapsed))
    };
}

/// `12 s: 340 of 400 calls done (300 replayed, 2 failed), saved 1h 20m; waits for simulate 58, build 2`.
fn line(summary: &Summary, elapsed: Duration) -> String {
    let total = summary.total();
    let mut line = format!("{}: {} of {} calls done", time(elapsed), done(&total), total.calls);
    let counts = [("replayed", total.replayed), ("failed", total.failed)];
    let counts: Vec<_> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
    if !counts.is_empty() {
        let _ = write!(line, " ({})", counts.join(", "));
    }
    if !total.saved.is_zero() {
        let _ = write!(line, ", saved {}", time(total.saved));
    }
    let mut open: Vec<_> = summary
        .functions
        .iter()
        .map(|(name, tally)| (tally.calls.saturating_sub(done(tally)), name))
        .filter(|(open, _)| *open > 0)
        .collect();
    open.sort_by(|a, b| b.cmp(a));
    if !open.is_empty() {
        let names: Vec<_> = open.iter().map(|(open, name)| format!("{name} {open}")).collect();
        let _ = write!(line, "; waits for {}", names.join(", "));
    }
    line
}

fn done(tally: &Tally) -> u64 {
    let replaced = tally.provided + tally.served + tally.replayed;
    tally.ran + replaced + tally.failed + tally.cancelled
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// The part of a line that fits, so that it never wraps.
fn fitted(line: &str, columns: usize) -> String {
    if line.chars().count() < columns {
        return line.to_owned();
    }
    let head: String = line.chars().take(columns.saturating_sub(2)).collect();
    format!("{head}…")
}

/// The width of the terminal, 80 where it does not say.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(functions: &[(&str, Tally)]) -> Summary {
        let own = functions.iter().map(|(name, tally)| ((*name).to_owned(), *tally));
        Summary { functions: own.collect(), ..Summary::default() }
    }

    #[test]
    fn the_line_says_what_is_done_saved_and_waited_for() {
        let simulate = Tally {
            calls: 10,
            ran: 2,
            replayed: 3,
            failed: 1,
            saved: Duration::from_secs(4_000),
            ..Tally::default()
        };
        let build = Tally { calls: 2, ran: 1, ..Tally::default() };
        let text =
            line(&summary(&[("build", build), ("simulate", simulate)]), Duration::from_secs(12));
        let expected = "12 s: 7 of 12 calls done (3 replayed, 1 failed), saved 66 min; \
                        waits for simulate 4, build 1";
        assert_eq!(text, expected);
        assert_eq!(line(&Summary::default(), Duration::ZERO), "0 ms: 0 of 0 calls done");
    }

    #[test]
    fn a_line_never_wraps() {
        assert_eq!(fitted("abcdef", 7), "abcdef");
        assert_eq!(fitted("abcdef", 6), "abcd…");
    }
}
