//! A loop is killed at random instants: its record opens, and no finished call is missing that the driver
//! had seen, nor one that such a call had made.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chia_loop::{CacheOptions, Chia, Error, Function, Registry};
use chia_record::{Run, list};

/// Names the directory of the child's cache.
const DIR: &str = "CHIA_LOOP_TEST_DIR";
/// Outer calls; each makes one in turn.
const OUTER: u64 = 1_000;

/// Kills a loop this often; the slow matrix asks for more.
fn kills() -> u64 {
    if std::env::var_os("CHIA_SLOW").is_some() { 50 } else { 12 }
}

static INNER_FN: Function<(u64,), u64> = Function::new("inner", &|number: u64| number + 1);

async fn outer(number: u64) -> Result<u64, Error> {
    let chia = Chia::current().expect("inside a task");
    chia.call(&INNER_FN, (number,)).tag(format!("inner{number}")).await
}

static OUTER_FN: Function<(u64,), u64> = Function::new("outer", &outer);

/// The child: a loop of 2,000 calls, which announces on stdout what its driver has seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let config = chia_config::Config::parse("cache: {inner: true}\n", "rules.yaml", dir).unwrap();
    let cache = CacheOptions::new("64 MB", dir.join("cache"));
    let registry = Registry::new().function(&OUTER_FN).function(&INNER_FN);
    let chia = Chia::builder(registry).config(config).cache(cache).start().await.unwrap();
    let mut calls = Vec::new();
    for number in 0..OUTER {
        let tag = format!("outer{number}");
        calls.push((number, chia.call(&OUTER_FN, (number,)).tag(tag).dispatch().await.unwrap()));
        if calls.len() == 8 {
            for (number, call) in calls.drain(..) {
                assert_eq!(call.get().await.unwrap(), number + 1);
                say(&format!("saw {number}\n"));
            }
        }
    }
    chia.shutdown().await.unwrap();
    say("done\n");
}

fn say(line: &str) {
    if std::io::stdout().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

#[test]
fn r33_the_record_of_a_loop_survives_sigkill_at_any_instant() {
    let mut random = fastrand::Rng::with_seed(33);
    let (mut announced, mut whole) = (0, 0);
    for round in 0..kills() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe is read in the meantime, so that the child never waits for room.
        let mut stdout = child.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let mut said = Vec::new();
            stdout.read_to_end(&mut said).map(|_| String::from_utf8_lossy(&said).into_owned())
        });
        std::thread::sleep(Duration::from_micros(random.u64(10_000..600_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = reading.join().unwrap().unwrap();
        announced += check(dir.path(), &said, round);
        whole += u64::from(said.contains("done\n"));
    }
    println!(
        "{} kills, {announced} calls seen by drivers, {whole} loops were over before",
        kills()
    );
    assert!(announced > 0 && whole < kills(), "no loop was killed in the middle of its run");
}

/// Compares the record with what the driver announced, and gives how many calls that were.
fn check(dir: &Path, said: &str, round: u64) -> usize {
    let whole_lines = said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    // The harness prints in front of the first line.
    let seen: HashSet<&str> =
        whole_lines.filter_map(|line| Some(line.split_once("saw ")?.1)).collect();
    let records = list(&dir.join("cache/runs")).unwrap_or_default();
    let Some(record) = records.first().filter(|record| record.bytes > 0) else {
        assert!(seen.is_empty(), "round {round}: no record");
        return 0;
    };
    let run = Run::read(&record.path).unwrap();
    assert_eq!(run.notes.damaged, 0, "round {round}");
    let ended: HashSet<&str> = run
        .calls
        .iter()
        .filter(|call| call.outcome.as_deref() == Some("ran"))
        .filter_map(|call| call.tag.as_deref())
        .collect();
    for number in &seen {
        for tag in [format!("outer{number}"), format!("inner{number}")] {
            assert!(ended.contains(tag.as_str()), "round {round}: the end of {tag} is missing");
        }
    }
    2 * seen.len()
}
