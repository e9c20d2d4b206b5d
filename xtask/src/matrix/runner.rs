//! Runs cells one after the other, each with its own log, scratch folder and clean-up.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::built;
use super::cell::{Cell, Verdict};
use super::table::{Outcome, Row};
use crate::processes;
use crate::repo;
use crate::scratch;
use crate::shell::Shell;

/// How long processes have to end once they are signalled.
const GRACE: Duration = Duration::from_secs(10);

/// How long processes that a cell leaves behind have to go by themselves: the agents of a Ray node
/// that was killed look for it only now and then.
const LEAVING: Duration = Duration::from_secs(30);

/// Lines of a failing cell's output that are shown.
const TAIL: usize = 60;

/// Runs all of them, with a line of progress each; failing ones show the end of their output at once.
/// `slow` asks the tests for their long forms (`CHIA_SLOW`).
pub(crate) fn run_all(cells: &[Cell], slow: bool) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        print!("[{:>2}/{}] {} ... ", at + 1, cells.len(), cell.name);
        std::io::stdout().flush()?;
        let row = run_one(cell, slow)?;
        println!("{}", row.progress());
        if let Outcome::Fail { log, .. } = &row.outcome {
            println!("--- the end of {}\n{}---", log.display(), tail(&fs::read_to_string(log)?));
        }
        rows.push(row);
    }
    scratch::remove();
    Ok(rows)
}

/// The last lines of a log, and how many others there are.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let skipped = lines.len().saturating_sub(TAIL);
    let head = (skipped > 0).then(|| format!("… {skipped} lines before these …\n"));
    let tail = lines[skipped..].iter().map(|line| format!("{line}\n"));
    head.into_iter().chain(tail).collect()
}

fn run_one(cell: &Cell, slow: bool) -> anyhow::Result<Row> {
    let log = repo::target().join("matrix").join(cell.name.replace('/', ".") + ".log");
    let mut shell = Shell::logged(&log)?;
    shell.env("TMPDIR", scratch::make()?);
    if built::is_done() {
        shell.env(repo::EXAMPLES_BUILT, "1");
    }
    if slow {
        shell.env("CHIA_SLOW", "1");
    }
    let start = Instant::now();
    let result = (cell.work)(&mut shell).and_then(|verdict| nothing_left().map(|()| verdict));
    let outcome = match result {
        Ok(Verdict::Pass(note)) => Outcome::Pass { note },
        Ok(Verdict::Skip(reason)) => Outcome::Skip { reason },
        Err(error) => {
            processes::end_all(GRACE);
            let reason = format!("{error:#}");
            shell.say(&reason)?;
            Outcome::Fail { reason, log }
        }
    };
    scratch::remove();
    Ok(Row {
        cell: cell.name.clone(),
        backend: cell.backend.clone(),
        seconds: start.elapsed().as_secs_f64(),
        outcome,
    })
}

/// A cell that leaves processes behind has failed.
fn nothing_left() -> anyhow::Result<()> {
    let left: Vec<String> = processes::leftovers(LEAVING).into_iter().map(|p| p.name).collect();
    anyhow::ensure!(left.is_empty(), "processes left behind: {}", left.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        assert_eq!(tail("a\nb"), "a\nb\n");
        let long: String = (0..TAIL + 5).map(|n| format!("line {n}\n")).collect();
        let shown = tail(&long);
        assert!(shown.starts_with("… 5 lines before these …\nline 5\n"), "{shown}");
        assert_eq!(shown.lines().count(), TAIL + 1);
    }
}
