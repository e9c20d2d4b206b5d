//! Python's own calls, timed by a Python driver that takes its orders line by line.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::timing::Side;

const SCRIPT: &str = r#"
import logging, sys, time, ray
ray.init(sys.argv[1], logging_level=logging.ERROR, log_to_driver=False)

@ray.remote
def task(number):
    return number

@ray.remote
class Actor:
    def call(self, number):
        return number

actor = Actor.remote()

def tasks(times):
    for number in range(times):
        ray.get(task.remote(number))

def actors(times):
    for number in range(times):
        ray.get(actor.call.remote(number))

def flight(times):
    ray.get([task.remote(number) for number in range(times)])

ways = {"task": tasks, "actor": actors, "flight": flight}
for line in sys.stdin:
    way, times = line.split()
    start = time.perf_counter_ns()
    ways[way](int(times))
    print(time.perf_counter_ns() - start, flush=True)
"#;

/// The Python driver; it ends when this is dropped.
pub(super) struct Python {
    process: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Python {
    pub(super) fn start(python: &Path, address: &str) -> anyhow::Result<Self> {
        let mut process = Command::new(python)
            .args(["-c", SCRIPT, address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take().context("it has a standard input")?;
        let stdout = process.stdout.take().context("it has a standard output")?;
        let pipes = RefCell::new((stdin, BufReader::new(stdout)));
        Ok(Self { process, pipes })
    }

    /// Does something `times` times; returns the duration.
    pub(super) fn measure(&self, way: &str, times: u64) -> Duration {
        let (stdin, stdout) = &mut *self.pipes.borrow_mut();
        writeln!(stdin, "{way} {times}").expect("the Python driver takes orders");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the Python driver answers");
        Duration::from_nanos(line.trim().parse().expect("the Python driver answers with a number"))
    }

    pub(super) fn side<'a>(&'a self, way: &'a str) -> Side<'a> {
        Box::new(move |times| self.measure(way, times))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
