//! A run to show: three nodes, replays, misses, waits, failures, nested and repeated calls. And the state
//! of a directory.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chia_record::{CallEnd, CallLeft, CallStart, NodeInfo, Recorder, RuleInfo, RunHeader};

/// Writes the record of a run of `calls` calls into `dir`. The same `calls` give the same run.
pub(crate) fn sample(dir: &Path, calls: u64) -> PathBuf {
    let rule = |section: &str, function: &str, at: &str| RuleInfo {
        section: section.into(),
        function: function.into(),
        at: at.into(),
        on: true,
        tags: None,
    };
    let node = |name: &str| NodeInfo { name: name.into(), resources: "cpu=8 gpu=1".into() };
    let header = RunHeader::new("search</script><b>")
        .rules(vec![
            rule("bypass", "simulate", "rules.yaml:3:3"),
            rule("cache", "simulate", "rules.yaml:8:3"),
        ])
        .nodes(vec![node("head"), node("worker-1"), node("worker-2")]);
    let recorder = Recorder::create(dir, header).unwrap();
    for at in 0..calls {
        call(&recorder, at);
    }
    let path = recorder.path().to_owned();
    recorder.finish(vec!["rule at rules.yaml:12:3: no call met it".into()]).unwrap();
    path
}

fn call(recorder: &Recorder, at: u64) {
    const NODES: [&str; 3] = ["head", "worker-1", "worker-2"];
    let id = recorder.next_id();
    let tag = format!("iter{}_call{}", at / 24, if at % 50 == 49 { 0 } else { at % 24 });
    let queued = at / 24 * 1_400_000 + at % 24 * 900;
    let function = ["simulate", "build_core", "simulate", "summarise"][(at % 4) as usize];
    let mut start = CallStart::new(id, queued, function).tag(&tag).args([Some(u128::from(at))]);
    start = match function {
        "simulate" => start.decision("replay", "provider").rule("rules.yaml:3:3"),
        _ => start.decision("run", "not_listed"),
    };
    if at % 24 >= 20 {
        start = start.resources("cpu=1 gpu=1");
    }
    if at % 8 == 7 {
        start = start.parent(id - 1);
    }
    recorder.start(&start);
    // Eight at a time on each node: the calls of an iteration run in waves.
    let wait = at % 24 / 12 * 500_000 + 200 * (at % 7);
    let took = 200_000 + at * 7_919 % 300_000;
    let end = |how, took| {
        let end = CallEnd::new(id, queued + wait + took, how).node(NODES[(at % 3) as usize]);
        end.waited_us(wait).took_us(took).bytes(100 + at % 5_000)
    };
    match (function, at % 97) {
        (_, 96) => recorder.left(CallLeft { id, left_us: queued + 5 }),
        (_, 40) => {
            recorder.end_later(&end("failed", took).error("exit status 1: <timing> not met"));
        }
        ("simulate", 0..=60) => {
            let replayed = end("replayed", 900).saved_us(took);
            let stale = at.is_multiple_of(31);
            let replayed = if stale { replayed.stale("argument 0 differs") } else { replayed };
            recorder.end_later(&replayed);
        }
        ("simulate", _) => {
            recorder.end_later(&end("ran", took).miss("no entry has this tag").write("stored"));
        }
        ("summarise", 10) => recorder.end_later(&end("provider", 700)),
        _ => recorder.end_later(&end("ran", took)),
    }
}

/// Names, times, sizes and bytes of all files below.
pub(crate) fn state(dir: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            all.push((path.display().to_string(), modified, Vec::new()));
            all.extend(state(&path));
        } else {
            all.push((path.display().to_string(), modified, fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}
