//! The examples, killed at random instants of a cold run and started again: nothing that the loop
//! had seen is lost, and no finished step is repeated.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use chia_cache::{Options, Store};
use serde_json::Value;

/// Kills a run this often; the slow matrix asks for more.
fn rounds() -> usize {
    if std::env::var_os("CHIA_SLOW").is_some() { 20 } else { 4 }
}

/// An example as a program. Cargo builds examples along with a whole test run, but not for one suite.
fn example(name: &str) -> Command {
    static BUILT: Once = Once::new();
    let test = std::env::current_exe().expect("the test has a path");
    let target = test.ancestors().nth(3).expect("tests lie in target/debug/deps");
    BUILT.call_once(|| {
        if std::env::var_os("CHIA_EXAMPLES_BUILT").is_some() {
            return;
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--examples", "--target-dir"]).arg(target);
        let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo starts");
        assert!(status.success(), "the examples do not build");
    });
    Command::new(target.join("debug/examples").join(name))
}

/// Runs an example until it has printed `steps` steps, then SIGKILLs it. Returns the steps that it printed.
fn run_and_kill(name: &str, cache: &Path, steps: usize) -> Vec<String> {
    let mut child = example(name)
        .args(["--json", "--cache-dir"])
        .arg(cache)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let output = child.stderr.take().expect("stderr is a pipe");
    let seen = BufReader::new(output).lines().map_while(Result::ok).take(steps).collect();
    child.kill().expect("SIGKILL");
    child.wait().expect("the child is ours");
    seen
}

fn run_to_end(name: &str, cache: &Path) -> Value {
    let output =
        example(name).args(["--json", "--cache-dir"]).arg(cache).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn stored(cache: &Path) -> BTreeSet<String> {
    if !cache.exists() {
        return BTreeSet::new();
    }
    let options = Options::new("4 GB".parse().expect("a size"));
    let store = Store::open(cache, options).expect("the lock of a dead process keeps nobody out");
    store.keys().expect("keys").into_iter().collect()
}

/// The tag of a printed step: `iter0_call0 ran`, `round 0: build_x ran`.
fn tag(step: &str) -> &str {
    let words = step.rsplit_once(' ').map_or(step, |(words, _)| words);
    words.rsplit_once(": ").map_or(words, |(_, tag)| tag)
}

#[test]
fn r17_a_killed_loop_keeps_all_it_has_seen_and_replays_what_the_bypass_selects() {
    for round in 0..rounds() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = dir.path().join("cache");
        let seen = run_and_kill("bypass_cache", &cache, round * 4 % 15);
        let stored = stored(&cache);
        for step in &seen {
            assert!(stored.contains(tag(step)), "{step} was seen and is not in the store");
        }
        let selected = stored.iter().filter(|t| t.starts_with("iter1_") || t.starts_with("iter3_"));
        let selected = selected.count() as u64;
        let report = run_to_end("bypass_cache", &cache);
        assert_eq!(report["replayed"], selected, "{report}");
        assert_eq!(report["ran"], 16 - selected, "{report}");
    }
}

#[test]
fn r17_a_killed_search_repeats_no_finished_step() {
    if Command::new("cc").arg("--version").output().is_err() {
        eprintln!("skipped: the search needs the C compiler `cc`");
        return;
    }
    for round in 0..rounds() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = dir.path().join("cache");
        let seen = run_and_kill("design_space", &cache, round * 3);
        let stored = stored(&cache);
        for step in &seen {
            assert!(stored.contains(tag(step)), "{step} was seen and is not in the store");
        }
        let report = run_to_end("design_space", &cache);
        let calls = report["calls"].as_u64().expect("a number");
        assert_eq!(report["replayed"], stored.len() as u64, "{report}");
        assert_eq!(report["ran"], calls - stored.len() as u64, "{report}");
    }
}
