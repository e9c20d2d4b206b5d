//! Looking changes nothing: names, times and bytes of all files are the same before and after each
//! looking command, with and without an owner, also when the command is killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use chia_cache::{ByteSize, NewEntry, Options, Origin, Store};

mod common;

use common::{sample, state};

/// A cache of 1,500 entries, some inline and some files, with the records of two runs.
fn fill(dir: &Path) -> Store {
    let options = Options::new(ByteSize::new(64 << 20)).durability(chia_cache::Durability::Relaxed);
    let store = Store::open(dir, options).unwrap();
    for at in 0..1_500_u32 {
        let size = if at % 50 == 0 { 50_000 } else { 100 };
        let entry = NewEntry::new(Origin::Real).function(format!("f{}", at % 3));
        store.write(&format!("iter{}_call{}", at / 10, at % 10), vec![7; size], &entry).unwrap();
    }
    for _ in 0..2 {
        sample(&dir.join("runs"), 200);
    }
    store
}

/// The state once the owner has written behind what it has to: unchanged for longer than its threads sleep.
fn settled(dir: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let (mut last, mut since) = (state(dir), Instant::now());
    let begin = Instant::now();
    while since.elapsed() < Duration::from_millis(1_500) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the owner does not come to rest");
        std::thread::sleep(Duration::from_millis(200));
        let now = state(dir);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Every command that looks. `OUT` is a directory elsewhere.
const LOOKS: [&[&str]; 17] = [
    &["ls"],
    &["ls", "iter1_*", "--sort", "size"],
    &["ls", "--json"],
    &["show", "iter0_call0"],
    &["show", "iter0_call0", "--value"],
    &["show", "absent"],
    &["stats"],
    &["stats", "--json"],
    &["du"],
    &["verify"],
    &["export", "OUT/export"],
    &["export", "OUT/pickles", "iter0_*", "--pickles"],
    &["runs"],
    &["why", "iter1_call0"],
    &["report", "--output", "OUT/report.html"],
    &["trace", "--output", "OUT/trace.json"],
    &["diff", "last~1", "last"],
];

fn command(dir: &Path, out: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chia-cache"));
    let args = args.iter().map(|arg| arg.replace("OUT", out.to_str().unwrap()));
    command.args(args).arg("--dir").arg(dir).stdin(Stdio::null());
    command
}

#[test]
fn r34_looking_changes_no_byte_with_and_without_an_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = fill(dir.path());
    for owned in [true, false] {
        if !owned {
            store.clone().close().unwrap();
        }
        let before = settled(dir.path());
        let out = tempfile::tempdir().unwrap();
        for args in LOOKS {
            let done = command(dir.path(), out.path(), args).output().unwrap();
            let code = done.status.code().unwrap();
            assert!(code <= 1, "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
            assert!(state(dir.path()) == before, "{args:?} changed the cache, owned: {owned}");
        }
    }
}

#[test]
fn r34_looking_that_is_killed_changes_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = fill(dir.path());
    let mut random = fastrand::Rng::with_seed(12);
    for owned in [true, false] {
        if !owned {
            store.clone().close().unwrap();
        }
        let before = settled(dir.path());
        for args in LOOKS {
            for _ in 0..3 {
                let out = tempfile::tempdir().unwrap();
                let mut command = command(dir.path(), out.path(), args);
                let mut child =
                    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
                // It may have ended by itself.
                let _ = child.kill();
                child.wait().unwrap();
            }
            assert!(state(dir.path()) == before, "{args:?} changed the cache, owned: {owned}");
        }
    }
}

#[test]
fn r34_looking_that_prints_into_a_closed_pipe_changes_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).close().unwrap();
    let before = state(dir.path());
    for args in LOOKS {
        let out = tempfile::tempdir().unwrap();
        let mut child =
            command(dir.path(), out.path(), args).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert!(child.wait().unwrap().code().is_some_and(|code| code <= 1), "{args:?}");
        assert!(state(dir.path()) == before, "{args:?} changed the cache");
    }
}
