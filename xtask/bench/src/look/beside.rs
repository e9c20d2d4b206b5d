//! Looking at a cache while another process writes to it: what the writer loses.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::process::{self, tool};
use super::{new_entry, open};
use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::median;

/// Entries that the writer is to write in a second.
const RATE: u64 = 10_000;
/// How long the writer is measured, with looks beside it and without.
const WINDOW: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
/// Tags that the writer goes around.
const TAGS: u64 = 100_000;

/// Measures the writer's rate with and without `ls` and `stats` beside it, on the cache in `folder`.
pub(super) fn run(report: &mut Report, folder: &Path) -> anyhow::Result<()> {
    let paced = beside(report, folder, RATE, &format!("of {RATE} entries a second"))?;
    report.add(paced.aim(Aim::RatioAtLeast(0.95)));
    let full = beside(report, folder, u64::MAX, "at full speed")?;
    report.add(full);
    Ok(())
}

fn beside(report: &mut Report, folder: &Path, rate: u64, pace: &str) -> anyhow::Result<Figure> {
    let [mut with, mut without, mut lists, mut stats] = [const { Vec::new() }; 4];
    let mut failed = 0;
    for _ in 0..ROUNDS {
        let mut writer = Writer::start(folder, rate)?;
        without.push(writer.rate(|| {
            std::thread::sleep(WINDOW);
            Ok(())
        })?);
        with.push(writer.rate(|| {
            let start = Instant::now();
            while start.elapsed() < WINDOW {
                for (command, times) in [("ls", &mut lists), ("stats", &mut stats)] {
                    match tool(folder, &[command]) {
                        Ok(done) => times.push(done.whole.as_nanos() as f64),
                        Err(_) => failed += 1,
                    }
                }
            }
            Ok(())
        })?);
        writer.stop()?;
    }
    let figure = Figure::alone(
        format!("looks beside a writer {pace} that failed"),
        "looks",
        f64::from(failed),
    );
    report.add(figure.aim(Aim::AtMost(0.0)));
    for (what, times) in [("ls", lists), ("stats", stats)] {
        anyhow::ensure!(!times.is_empty(), "no `{what}` beside a writer {pace} succeeded");
        report.add(Figure::alone(format!("{what} beside a writer {pace}"), "ns", median(times)));
    }
    let case = format!("writer {pace}, beside ls and stats / alone");
    Ok(Figure::versus(case, "entries/s", median(with), median(without)))
}

/// The process that writes. It answers each line with the number of entries that it has written.
struct Writer {
    child: Child,
    ask: ChildStdin,
    counts: BufReader<ChildStdout>,
}

impl Writer {
    /// Returns when the first entry is written.
    fn start(folder: &Path, rate: u64) -> anyhow::Result<Self> {
        let mut command = process::job("write")?;
        command.arg(folder).arg(rate.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().context("no stdin")?;
        let counts = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut writer = Self { child, ask, counts };
        while writer.count()? == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(writer)
    }

    fn count(&mut self) -> anyhow::Result<u64> {
        writeln!(self.ask)?;
        let mut line = String::new();
        self.counts.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("the writer answered {line:?}"))
    }

    /// Entries a second while `work` goes on.
    fn rate(&mut self, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
        let (start, before) = (Instant::now(), self.count()?);
        work()?;
        Ok((self.count()? - before) as f64 / start.elapsed().as_secs_f64())
    }

    fn stop(mut self) -> anyhow::Result<()> {
        drop(self.ask);
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the writer failed: {status}");
        Ok(())
    }
}

/// The job of the writer: the arguments are the directory and the rate. It ends with its input.
pub(super) fn write() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rate] = &args[..] else { anyhow::bail!("no directory and rate") };
    let store = open(Path::new(folder))?;
    let (rate, count, done) = (rate.parse()?, AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&store, rate, &count, &done));
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            let mut stdout = std::io::stdout();
            writeln!(stdout, "{}", count.load(Ordering::Relaxed))?;
            stdout.flush()?;
        }
        done.store(1, Ordering::Relaxed);
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))?
    })?;
    Ok(store.close()?)
}

/// Writes `rate` entries a second. What a slow moment left behind is written at once after it.
fn write_until(
    store: &chia_cache::Store,
    rate: u64,
    count: &AtomicU64,
    done: &AtomicU64,
) -> anyhow::Result<()> {
    let (start, mut value) = (Instant::now(), [b'w'; 100]);
    for at in 0.. {
        if done.load(Ordering::Relaxed) > 0 {
            break;
        }
        let due = Duration::from_secs_f64(at as f64 / rate as f64);
        if let Some(early) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(early);
        }
        value[..8].copy_from_slice(&u64::to_le_bytes(at));
        store.write(&format!("new{}", at % TAGS), value, &new_entry())?;
        count.store(at + 1, Ordering::Relaxed);
    }
    Ok(())
}
