//! R17 at the level of processes: a writer is killed at random instants, again and again, and no acknowledged write is lost or torn.
//!
//! `CHIA_SLOW=1` asks for 500 kills in each durability mode; without it there are 15. Each mode keeps one directory for all of
//! its kills.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its figures"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chia_cache::Durability;

#[path = "sigkill/child.rs"]
mod child;
#[path = "sigkill/ledger.rs"]
mod ledger;
#[path = "sigkill/values.rs"]
mod values;

use ledger::{Ledger, Seen};

#[test]
fn r17_a_durable_write_survives_sigkill() {
    kill_again_and_again(Durability::Durable);
}

#[test]
fn r17_a_relaxed_write_survives_sigkill() {
    kill_again_and_again(Durability::Relaxed);
}

#[test]
fn r17_the_draft_of_a_killed_writer_is_in_nobodys_way() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    drop(child::open(folder.path(), Durability::Durable));
    // What a kill leaves before the first record is written: nothing else tells that it happened.
    std::fs::write(folder.path().join(".chia/staging/0"), "half a val").unwrap();
    let store = child::open(folder.path(), Durability::Durable);
    assert_eq!(store.open_report().leftovers, 1);
    assert!(store.write("tag", vec![1; 100_000], &values::new_entry()).unwrap().is_stored());
}

/// Not a test: what the killed process runs, started by [`spawn`].
#[test]
#[ignore = "the child process of the other tests"]
fn child_process() {
    let Ok(job) = std::env::var("CHIA_SIGKILL_CHILD") else { return };
    let (round, folder) = job.split_once(' ').unwrap();
    let (durability, folder) = folder.split_once(' ').unwrap();
    let durability =
        if durability == "durable" { Durability::Durable } else { Durability::Relaxed };
    let store = child::open(Path::new(folder), durability);
    child::run(&store, round.parse().unwrap());
}

fn kill_again_and_again(durability: Durability) {
    let kills = if std::env::var_os("CHIA_SLOW").is_some() { 500 } else { 15 };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut random = fastrand::Rng::with_seed(17);
    let (mut ledger, mut total, mut while_writing) = (Ledger::default(), Seen::default(), 0);
    for round in 1..=kills {
        spawn_and_kill(folder.path(), durability, round, &mut random, &mut ledger);
        let seen = ledger.check(&child::open(folder.path(), durability));
        while_writing += u64::from(seen.in_flight > 0);
        total.owed += seen.owed;
        total.in_flight += seen.in_flight;
        total.landed += seen.landed;
        total.acknowledged = seen.acknowledged;
    }
    println!(
        "{durability:?}: {kills} kills, {while_writing} with a write in flight ({} writes, of which {} were found whole); \
         {} acknowledged writes owed and found",
        total.in_flight, total.landed, total.owed
    );
    assert!(
        while_writing * 2 > kills,
        "only {while_writing} of {kills} kills met a write in flight"
    );
    assert!(total.owed > kills * 10, "only {} promises were checked", total.owed);
}

/// Starts the child, kills it at a random instant, and books what it has reported.
fn spawn_and_kill(
    folder: &Path,
    durability: Durability,
    round: u64,
    random: &mut fastrand::Rng,
    ledger: &mut Ledger,
) {
    let mode = if durability == Durability::Durable { "durable" } else { "relaxed" };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--ignored", "--nocapture"])
        .env("CHIA_SIGKILL_CHILD", format!("{round} {mode} {}", folder.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reports = BufReader::new(child.stdout.take().unwrap());
    // One in eight is killed while it starts and opens, the others while they write.
    let opening = random.u8(..8) == 0;
    let delay = Duration::from_micros(random.u64(..if opening { 15_000 } else { 80_000 }));
    std::thread::scope(|scope| {
        let (started, first_report) = std::sync::mpsc::channel();
        let reader = scope.spawn(move || {
            let mut line = String::new();
            let mut lines = Vec::new();
            // A last line without its end was cut off by the kill: it was not said.
            while reports.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
                if line.starts_with("B ") {
                    let _ = started.send(());
                }
                lines.push(std::mem::take(&mut line));
            }
            lines
        });
        if !opening {
            // A child that ends before its first report shows below, as nothing was written.
            let _ = first_report.recv();
        }
        std::thread::sleep(delay);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9),
            "the child ended by itself: {status}"
        );
        for line in reader.join().unwrap() {
            assert!(!line.starts_with("E "), "round {round}: {line}");
            ledger.line(line.trim_end());
        }
    });
}
