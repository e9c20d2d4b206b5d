//! What has to happen in a process of its own: to be opened with nothing in memory, or to be killed.
//!
//! The benchmark program starts itself with a job in the environment, before it looks at its arguments.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use chia_cache::Durability;

use super::{ours, repair};

const JOB: &str = "CHIA_BENCH_CACHE_JOB";

/// Does the job that the environment asks for, if it does; says whether it did.
pub fn run() -> anyhow::Result<bool> {
    let Ok(job) = std::env::var(JOB) else { return Ok(false) };
    let words: Vec<&str> = job.split('\n').collect();
    match words[..] {
        ["open", folder] => open(Path::new(folder))?,
        ["write", folder, entries] => write_and_wait(Path::new(folder), entries.parse()?)?,
        ["read", folder, tags] => read_each(Path::new(folder), tags.parse()?)?,
        ["redb", file, quick, bytes] => {
            repair::fill(Path::new(file), quick.parse()?, bytes.parse()?)?;
            answer(&[0])?;
            wait_to_be_killed();
        }
        _ => bail!("an unknown job: {job:?}"),
    }
    Ok(true)
}

/// What a job answered, and its process if that goes on.
pub(super) struct Answer {
    pub(super) numbers: Vec<u64>,
    child: Child,
}

impl Answer {
    /// SIGKILLs the process.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(super) fn finish(mut self) -> anyhow::Result<Vec<u64>> {
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "a probe failed: {status}");
        Ok(self.numbers)
    }
}

/// Starts a process for a job and waits for its answer.
pub(super) fn start(job: &[&str]) -> anyhow::Result<Answer> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(JOB, job.join("\n"))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
    let numbers = line.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    Ok(Answer { numbers: numbers.with_context(|| format!("{job:?} answered {line:?}"))?, child })
}

fn answer(numbers: &[u64]) -> std::io::Result<()> {
    let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", words.join(" "))?;
    stdout.flush()
}

/// Answers with nanoseconds, resident bytes gained, and entries.
fn open(folder: &Path) -> anyhow::Result<()> {
    let before = resident()?;
    let start = Instant::now();
    let store = ours::open(folder, Durability::Relaxed, ours::PLENTY)?;
    let took = start.elapsed();
    let gained = peak()?.saturating_sub(before);
    answer(&[took.as_nanos() as u64, gained, store.open_report().entries])?;
    store.close()?;
    Ok(())
}

/// Writes entries of 100 bytes, then waits for the end.
fn write_and_wait(folder: &Path, entries: u64) -> anyhow::Result<()> {
    let store = ours::open(folder, Durability::Relaxed, ours::PLENTY)?;
    write_entries(&store, "late", entries)?;
    answer(&[0])?;
    wait_to_be_killed();
}

pub(super) fn write_entries(
    store: &chia_cache::Store,
    name: &str,
    entries: u64,
) -> chia_cache::Result<()> {
    let mut value = super::Value::new(100);
    for at in 0..entries {
        store.write(&format!("{name}-{at}"), value.fresh(), &ours::new_entry())?;
    }
    Ok(())
}

/// Answers with the nanoseconds that a read of each tag has taken in sum.
fn read_each(folder: &Path, tags: u64) -> anyhow::Result<()> {
    let store = ours::open(folder, Durability::Relaxed, ours::PLENTY)?;
    let start = Instant::now();
    for at in 0..tags {
        store.read(&format!("key{at}"))?.context("a hit")?;
    }
    answer(&[start.elapsed().as_nanos() as u64])?;
    Ok(())
}

fn wait_to_be_killed() -> ! {
    loop {
        std::thread::park();
    }
}

/// Bytes of memory held now.
fn resident() -> anyhow::Result<u64> {
    status("VmRSS:")
}

/// The most bytes of memory held so far.
fn peak() -> anyhow::Result<u64> {
    status("VmHWM:")
}

fn status(field: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .context("no such field in /proc")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
