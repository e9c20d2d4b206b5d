//! A process that records is killed at random instants: its record opens, and no call is missing whose
//! end the process had announced.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chia_record::{CallEnd, CallStart, Recorder, Run, RunHeader, list};

/// Names the directory of the child's record.
const DIR: &str = "CHIA_RECORD_TEST_DIR";
const CALLS: u64 = 2_000;
const KILLS: u64 = 50;

/// The child: four threads record calls, each with a nested one, and announce on stdout what they saw.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let recorder = Recorder::create(Path::new(&dir), RunHeader::new("child")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..CALLS / 4).for_each(|at| one(&recorder, at)));
        }
    });
    recorder.finish(Vec::new()).unwrap();
    say("done\n");
}

fn one(recorder: &Recorder, at: u64) {
    let (outer, inner) = (recorder.next_id(), recorder.next_id());
    let tag = format!("iter{at}_{}", "x".repeat(usize::try_from(at % 97).unwrap()));
    recorder.start(&CallStart::new(outer, recorder.now_us(), "outer").tag(&tag));
    recorder.start(&CallStart::new(inner, recorder.now_us(), "inner").parent(outer));
    recorder.end_later(&CallEnd::new(inner, recorder.now_us(), "ran"));
    recorder.end(&CallEnd::new(outer, recorder.now_us(), "ran").took_us(at));
    say(&format!("{outer} {inner}\n"));
}

fn say(line: &str) {
    if std::io::stdout().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

#[test]
fn r33_a_record_survives_sigkill_at_any_instant() {
    let mut random = fastrand::Rng::with_seed(33);
    let (mut announced, mut whole) = (0, 0);
    for round in 0..KILLS {
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
        std::thread::sleep(Duration::from_micros(random.u64(1_000..60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = reading.join().unwrap().unwrap();
        let seen = check(dir.path(), &said, round);
        announced += seen;
        whole += u64::from(said.contains("done\n"));
    }
    println!("{KILLS} kills, {announced} announced calls, {whole} runs were over before");
    assert!(announced > 0, "no child was killed in the middle of its run");
}

/// Compares the record with what the child announced, and gives how many calls that were.
fn check(dir: &Path, said: &str, round: u64) -> usize {
    let whole_lines = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let ids = whole_lines.filter_map(|line| {
        let (outer, inner) = line.trim().split_once(' ')?;
        Some([outer.parse::<u64>().ok()?, inner.parse().ok()?])
    });
    let seen: HashSet<u64> = ids.flatten().collect();
    let records = list(dir).unwrap();
    let Some(record) = records.first().filter(|record| record.bytes > 0) else {
        assert!(seen.is_empty(), "round {round}: no record");
        return 0;
    };
    let run = Run::read(&record.path).unwrap();
    let ended: HashSet<u64> =
        run.calls.iter().filter(|call| call.outcome.is_some()).map(|call| call.id).collect();
    let missing: Vec<_> = seen.difference(&ended).collect();
    assert!(missing.is_empty(), "round {round}: the ends of {missing:?} are missing");
    assert_eq!(run.notes.damaged, 0, "round {round}");
    for call in run.calls.iter().filter(|call| call.outcome.is_some()) {
        assert!(!call.function.is_empty(), "round {round}: call {} has no start", call.id);
    }
    seen.len()
}
