//! What the process pool promises beyond the contract: limits, and that nothing stays behind.
//!
//! Workers are copies of this test binary, which come to `worker` below.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{Backend, Task, TaskOptions};
use chia_dispatch::{Actor, Error, ErrorKind, Host, Job, Resources, Result, TaskContext};
use chia_pool::{ProcessPool, ProcessPoolBuilder};
use chia_wire::{WORKER_VARIABLE, run_if_worker};

/// Writes process ids to the file in its payload: the task's own, and that of a child of its.
struct Sleeper;

#[async_trait]
impl Host for Sleeper {
    async fn run(&self, job: Job, _context: TaskContext) -> Result<Bytes> {
        if job.entry == "quick" {
            return Ok(Bytes::from_static(b"done"));
        }
        if job.entry == "pid" {
            return Ok(std::process::id().to_string().into());
        }
        if job.entry == "alone" {
            let file = String::from_utf8_lossy(&job.payload).into_owned();
            std::fs::write(&file, std::process::id().to_string()).expect("a file");
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        let io = |error| Error::new(ErrorKind::Io, "a file").with_source(error);
        let file = PathBuf::from(String::from_utf8_lossy(&job.payload).into_owned());
        let child = Command::new("sleep").arg("600").spawn().map_err(io)?;
        let draft = file.with_extension("draft");
        std::fs::write(&draft, format!("{} {}", std::process::id(), child.id())).map_err(io)?;
        std::fs::rename(&draft, &file).map_err(io)?;
        tokio::time::sleep(Duration::from_secs(600)).await;
        Ok(Bytes::new())
    }

    async fn actor(&self, kind: &str, _: Bytes, _: TaskContext) -> Result<Box<dyn Actor>> {
        Err(Error::new(ErrorKind::NotRegistered, kind))
    }
}

#[test]
#[ignore = "started by the pool, as its worker processes"]
fn worker() {
    run_if_worker(|| Arc::new(Sleeper));
}

fn args(test: &str) -> [&str; 4] {
    [test, "--exact", "--ignored", "--nocapture"]
}

fn builder() -> ProcessPoolBuilder {
    let node = Resources::from([("cpu", 2.0)]);
    ProcessPool::builder().worker_args(args("worker")).node("here", node)
}

fn task(entry: &str, file: &Path) -> Task {
    Task {
        entry: entry.to_owned(),
        payload: file.display().to_string().into(),
        args: Vec::new(),
        shared: None,
        options: TaskOptions::default(),
    }
}

/// Waits for the process ids of a task and of its child.
async fn pids(file: &Path) -> [u32; 2] {
    loop {
        if let Ok(text) = std::fs::read_to_string(file) {
            let mut numbers = text.split(' ').map(|pid| pid.parse().expect("a number"));
            return [(); 2].map(|()| numbers.next().expect("two numbers"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a process is no more, or but a zombie that nobody has reaped.
async fn gone(pid: u32) {
    let lives = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'),
        Err(_) => false,
    };
    let wait = async {
        while lives() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), wait).await;
    in_time.unwrap_or_else(|_| panic!("process {pid} is left behind"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_past_its_time_limit_is_killed_with_all_it_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let pool = builder().time_limit(Duration::from_secs(2)).start().expect("a pool");
    let slow = pool.submit(task("sleep", &file)).await.expect("accepted");
    let pids = pids(&file).await;
    let error = pool.get(&slow).await.expect_err("it runs for ten minutes");
    assert_eq!(error.kind(), ErrorKind::WorkerDied);
    assert!(error.message().contains("longer than 2s"), "{error}");
    for pid in pids {
        gone(pid).await;
    }
    let quick = pool.submit(task("quick", &file)).await.expect("accepted");
    assert_eq!(pool.get(&quick).await.expect("the pool lives on"), "done");
}

/// The process id of the worker that runs a task with a limit of memory.
async fn pid_with_memory(pool: &ProcessPool) -> Result<u32> {
    let mut task = task("pid", Path::new(""));
    task.options.resources = Resources::from([("memory", 1e9)]);
    let pid = pool.get(&pool.submit(task).await?).await?;
    Ok(String::from_utf8_lossy(&pid).parse().expect("a number"))
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("not zero");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
}

/// Between its death and the news of it, an idle worker is given work, or its memory is limited.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_that_dies_fails_no_task() {
    let node = Resources::from([("cpu", 2.0), ("memory", 4e9)]);
    let args = args("worker");
    let pool = ProcessPool::builder().worker_args(args).node("here", node).start().expect("a pool");
    let mut idle = pid_with_memory(&pool).await.expect("it runs");
    for round in 0..40 {
        kill(idle);
        // The memory of a dying process goes first, and then its socket.
        let status = format!("/proc/{idle}/status");
        while std::fs::read_to_string(&status).is_ok_and(|status| status.contains("VmData")) {}
        let next = pid_with_memory(&pool).await;
        idle = next.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_body_that_ends_costs_neither_the_grace_nor_the_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let pool = builder().grace(Duration::from_secs(60)).start().expect("a pool");
    let mut pids = Vec::new();
    for round in 0..3 {
        let file = dir.path().join(round.to_string());
        let mut all = task("alone", &file);
        all.options.resources = Resources::from([("cpu", 2.0)]);
        let object = pool.submit(all.clone()).await.expect("accepted");
        let pid = loop {
            match std::fs::read_to_string(&file) {
                Ok(pid) if !pid.is_empty() => break pid,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        pids.push(pid);
        pool.cancel(&object).await.expect("it can be cancelled");
        let mut next = task("pid", &file);
        next.options.resources = all.options.resources;
        let next = pool.submit(next).await.expect("accepted");
        let next = tokio::time::timeout(Duration::from_secs(10), pool.get(&next)).await;
        let next = next.expect("what the cancelled task held is free").expect("it runs");
        pids.push(String::from_utf8_lossy(&next).into_owned());
    }
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_body_that_leaves_a_child_costs_its_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let pool = builder().grace(Duration::from_secs(60)).start().expect("a pool");
    let object = pool.submit(task("sleep", &file)).await.expect("accepted");
    let pids = pids(&file).await;
    pool.cancel(&object).await.expect("it can be cancelled");
    for pid in pids {
        gone(pid).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigkill_is_the_error_of_one_task_and_names_the_signal() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let pool = builder().start().expect("a pool");
    let object = pool.submit(task("sleep", &file)).await.expect("accepted");
    let [worker, child] = pids(&file).await;
    let killed = Command::new("kill").args(["-9", &worker.to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let error = pool.get(&object).await.expect_err("its process was killed");
    assert_eq!(error.kind(), ErrorKind::WorkerDied);
    assert!(error.message().contains("signal: 9"), "{error}");
    gone(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_leaves_no_process_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let pool = builder().grace(Duration::from_millis(50)).start().expect("a pool");
    let object = pool.submit(task("sleep", &file)).await.expect("accepted");
    let pids = pids(&file).await;
    pool.shutdown().await.expect("it ends");
    assert!(format!("{pool:?}").contains("processes: 0"), "{pool:?}");
    for pid in pids {
        gone(pid).await;
    }
    assert_eq!(pool.get(&object).await.expect_err("shut down").kind(), ErrorKind::ShutDown);
}

/// The driver of the test below.
#[test]
#[ignore = "started by a test, to be killed by it"]
fn doomed_driver() {
    let Ok(file) = std::env::var("POOL_TEST_FILE") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let pool = builder().start().expect("a pool");
        let object = pool.submit(task("sleep", Path::new(&file))).await.expect("accepted");
        pool.get(&object).await.expect("never");
    });
}

#[tokio::test]
async fn a_killed_driver_leaves_no_process_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let program = std::env::current_exe().expect("this program");
    let mut driver = Command::new(program);
    driver.args(args("doomed_driver")).env("POOL_TEST_FILE", &file);
    let mut driver = driver.spawn().expect("it starts");
    let pids = pids(&file).await;
    driver.kill().expect("it can be killed");
    driver.wait().expect("it is gone");
    for pid in pids {
        gone(pid).await;
    }
}

/// A program that calls `start` where it should have called `run_if_worker`.
#[test]
#[ignore = "started by a test, as a worker that does not know it is one"]
fn forgetful() {
    if std::env::var(WORKER_VARIABLE).is_err() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime.block_on(async { builder().start().expect_err("a worker has no pool") });
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("run_if_worker"), "{error}");
}

#[test]
fn a_program_that_forgets_to_be_a_worker_starts_no_further_ones() {
    let program = std::env::current_exe().expect("this program");
    let mut worker = Command::new(program);
    worker.args(args("forgetful")).env(WORKER_VARIABLE, std::process::id().to_string());
    assert!(worker.status().expect("it runs").success());
}
