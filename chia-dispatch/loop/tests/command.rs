//! External programs end with the body that runs them, with all that they started.

use std::path::Path;
use std::time::{Duration, Instant};

use chia_loop::{Chia, Command, ErrorKind, Function, Registry, Worker, block_on};

const LONG: Duration = Duration::from_secs(20);

/// A program that starts another one, writes the numbers of both to a file and sleeps.
fn tree(file: &str) -> Command {
    let script = "sleep 600 & echo $$ $! > \"$1.draft\"; mv \"$1.draft\" \"$1\"; sleep 600";
    Command::new("sh").args(["-c", script, "sh", file])
}

static ASYNCHRONOUS: Function<(String,), ()> = Function::new("asynchronous", &asynchronous);
static BLOCKING: Function<(String,), ()> = Function::new("blocking", &blocking);

async fn asynchronous(file: String) -> chia_loop::Result<()> {
    tree(&file).status().await.map(drop)
}

fn blocking(file: String) -> chia_loop::Result<()> {
    block_on(tree(&file).status()).map(drop)
}

/// The numbers of the processes of [`tree`], once they run.
async fn pids(file: &Path) -> Vec<u32> {
    let start = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(file) {
            return text.split_whitespace().map(|pid| pid.parse().expect("a number")).collect();
        }
        assert!(start.elapsed() < LONG, "the program does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, state)| !state.trim_start().starts_with('Z'))
}

async fn all_gone(pids: Vec<u32>) {
    assert_eq!(pids.len(), 2);
    let start = Instant::now();
    for pid in pids {
        while lives(pid) {
            assert!(start.elapsed() < LONG, "process {pid} is left behind");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn what_a_program_writes_comes_back_with_its_status() {
    let script = "echo out $A; echo err >&2; exit 3";
    let program = Command::new("sh").args(["-c", script]).env("A", "b").current_dir("/");
    let output = program.output().await.expect("it runs");
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out b\n"[..], &b"err\n"[..]));
    assert_eq!(output.status.code(), Some(3));
    let missing = Command::new("no-such-program").output().await.expect_err("it is not there");
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(missing.message().contains("no-such-program"), "{missing}");
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let script = "sleep 600 & echo $$ $!";
    let output = Command::new("sh").args(["-c", script]).output();
    let output =
        tokio::time::timeout(LONG, output).await.expect("it does not wait").expect("it runs");
    let text = String::from_utf8(output.stdout).expect("numbers");
    all_gone(text.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()).await;
}

#[tokio::test]
async fn a_program_past_its_time_limit_is_killed_with_all_it_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let limit = Duration::from_secs(1);
    let error =
        tree(&file.display().to_string()).time_limit(limit).output().await.expect_err("slow");
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert!(error.message().contains("longer than 1s"), "{error}");
    all_gone(pids(&file).await).await;
}

#[tokio::test]
async fn a_dropped_future_kills_the_program_with_all_it_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let running = tokio::spawn(tree(&file.display().to_string()).status());
    let pids = pids(&file).await;
    running.abort();
    all_gone(pids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_cancelling_a_call_ends_the_programs_of_its_body() {
    let registry = Registry::new().function(&ASYNCHRONOUS).function(&BLOCKING);
    let chia = Chia::builder(Worker::new(registry)).start().await.expect("a loop");
    for function in [&ASYNCHRONOUS, &BLOCKING] {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("pids");
        let call = chia.call(function, (file.display().to_string(),));
        let handle = call.dispatch().await.expect("accepted");
        let pids = pids(&file).await;
        handle.cancel().await.expect("it can be cancelled");
        all_gone(pids).await;
        assert_eq!(handle.get().await.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    }
}

/// The driver of the test below.
#[test]
#[ignore = "started by a test, to be killed by it"]
fn doomed_driver() {
    let Ok(file) = std::env::var("COMMAND_TEST_FILE") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(tree(&file).status()).expect("never");
}

#[tokio::test]
async fn a_killed_driver_leaves_no_program_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pids");
    let program = std::env::current_exe().expect("this program");
    let mut driver = std::process::Command::new(program);
    driver.args(["doomed_driver", "--exact", "--ignored"]).env("COMMAND_TEST_FILE", &file);
    let mut driver = driver.spawn().expect("it starts");
    let pids = pids(&file).await;
    driver.kill().expect("it can be killed");
    driver.wait().expect("it is gone");
    all_gone(pids).await;
}
