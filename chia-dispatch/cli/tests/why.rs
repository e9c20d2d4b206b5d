//! `why` names the cause that made a call run again: one test a cause, on real loops.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use chia_cache::{ByteSize, NewEntry, Options, Origin, Store};
use chia_loop::{Blob, CacheOptions, Chia, Condition, Function, Provider, Registry, Shown, Site};

static SIM: Function<(u64,), Blob> =
    Function::new("sim", &|size: u64| Blob::from(vec![7; usize::try_from(size).unwrap_or(0)]))
        .version("1");

/// The same function after its author changed it.
static SIM_2: Function<(u64,), Blob> =
    Function::new("sim", &|size: u64| Blob::from(vec![8; usize::try_from(size).unwrap_or(0)]))
        .version("2");

/// Says no once the file that it is given is there.
static ABSENT: Condition<(u64,)> =
    Condition::new("absent", &|site: Site, _: (Shown<u64>,)| -> Result<bool, String> {
        site.capture::<String>().map(|path| !Path::new(&path).exists()).map_err(|e| e.to_string())
    });

static STAND_IN: Provider<(u64,), Blob> =
    Provider::new("stand_in", &|_: Site, _: (u64,)| Blob::from(vec![9; 10]));

const RULES: &str = "cache: {sim: true}\nbypass: {sim: true}\n";
const CHECKED: &str = "cache: {sim: true}\nbypass: {sim: {bypass: true, check: true}}\n";

/// One run: starts a loop under these rules and calls `sim` with these tags and sizes.
async fn run(sim: &Function<(u64,), Blob>, yaml: &str, dir: &Path, calls: &[(&str, u64)]) {
    run_with(sim, yaml, dir, "64 MB", calls).await;
}

async fn run_with(
    sim: &Function<(u64,), Blob>,
    yaml: &str,
    dir: &Path,
    budget: &str,
    calls: &[(&str, u64)],
) {
    let chia = start(sim, yaml, dir, budget).await;
    chia.replay(&SIM).unwrap();
    finish(chia, calls).await;
}

async fn start(sim: &Function<(u64,), Blob>, yaml: &str, dir: &Path, budget: &str) -> Chia {
    let config = chia_config::Config::parse(yaml, "rules.yaml", dir).unwrap();
    let registry = Registry::new().function(sim).provider(&STAND_IN).condition(&ABSENT);
    let cache = CacheOptions::new(budget, dir.join("cache"));
    Chia::builder(registry).config(config).cache(cache).start().await.unwrap()
}

async fn finish(chia: Chia, calls: &[(&str, u64)]) {
    for (tag, size) in calls {
        chia.call(&SIM, (*size,)).tag(*tag).await.unwrap();
    }
    chia.shutdown().await.unwrap();
}

/// What `why TAG` says of the last call, and of all.
fn why(dir: &Path, tag: &str) -> (serde_json::Value, String) {
    let tool = || {
        let mut tool = Command::new(env!("CARGO_BIN_EXE_chia-cache"));
        tool.args(["why", tag, "--dir"]).arg(dir.join("cache"));
        tool
    };
    let out = tool().arg("--json").output().unwrap();
    let json = String::from_utf8(out.stdout).unwrap();
    let last = serde_json::from_str(json.lines().last().expect("a call")).unwrap();
    let text = String::from_utf8(tool().output().unwrap().stdout).unwrap();
    (last, text)
}

/// Asserts that the last call ran, and that `why` names this cause.
fn ran_because(dir: &Path, cause: &str) {
    let (last, text) = why(dir, "a");
    assert_eq!(last["outcome"], "ran", "{text}");
    let named = text.lines().last().unwrap().to_owned();
    assert!(named.contains(cause), "`{cause}` is not in:\n{text}");
}

fn replayed(dir: &Path) {
    let (last, text) = why(dir, "a");
    assert_eq!(last["outcome"], "replayed", "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_an_argument() {
    let dir = tempfile::tempdir().unwrap();
    run(&SIM, CHECKED, dir.path(), &[("a", 10)]).await;
    run(&SIM, CHECKED, dir.path(), &[("a", 10)]).await;
    replayed(dir.path());
    run(&SIM, CHECKED, dir.path(), &[("a", 11)]).await;
    ran_because(dir.path(), "argument 1 was 10, is 11");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_a_version() {
    let dir = tempfile::tempdir().unwrap();
    run(&SIM, CHECKED, dir.path(), &[("a", 10)]).await;
    run(&SIM_2, CHECKED, dir.path(), &[("a", 10)]).await;
    ran_because(dir.path(), "the version was `1`, is `2`");
    // Where nothing is replayed there is no miss, and the versions in the record tell.
    let runs = "cache: {sim: true}\n";
    run(&SIM, runs, dir.path(), &[("a", 10)]).await;
    run(&SIM_2, runs, dir.path(), &[("a", 10)]).await;
    ran_because(dir.path(), "version 2 instead of 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_a_rule() {
    let dir = tempfile::tempdir().unwrap();
    run(&SIM, RULES, dir.path(), &[("a", 10)]).await;
    run(&SIM, RULES, dir.path(), &[("a", 10)]).await;
    replayed(dir.path());
    let others = "cache: {sim: true}\nbypass: {sim: {bypass: true, tags: 'b.*'}}\n";
    run(&SIM, others, dir.path(), &[("a", 10)]).await;
    ran_because(dir.path(), "tag no match, rule at rules.yaml:2:10");
    let off = "cache: {sim: true}\nbypass: {sim: false}\n";
    run(&SIM, off, dir.path(), &[("a", 10)]).await;
    ran_because(dir.path(), "off, rule at rules.yaml:2:10; reason off instead of tag_no_match");
    run(&SIM, "cache: {sim: true}\n", dir.path(), &[("a", 10)]).await;
    ran_because(dir.path(), "not listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_the_answer_of_a_condition() {
    let dir = tempfile::tempdir().unwrap();
    let flag = dir.path().join("flag");
    for _ in 0..2 {
        let chia = start(&SIM, RULES, dir.path(), "64 MB").await;
        chia.set_provider(&SIM, &STAND_IN).unwrap();
        chia.set_condition_with(&SIM, &ABSENT, &flag.display().to_string()).unwrap();
        finish(chia, &[("a", 10)]).await;
        fs::write(&flag, "").unwrap();
    }
    ran_because(dir.path(), "condition");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_an_eviction() {
    let dir = tempfile::tempdir().unwrap();
    run_with(&SIM, RULES, dir.path(), "64 KB", &[("a", 30_000)]).await;
    run_with(&SIM, RULES, dir.path(), "64 KB", &[("b", 30_000), ("c", 30_000)]).await;
    run_with(&SIM, RULES, dir.path(), "64 KB", &[("a", 30_000)]).await;
    ran_because(dir.path(), "no entry has this tag; the result of run ");
    ran_because(dir.path(), " is gone: evicted to make room, removed or expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_a_failed_write() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let store = Store::open(&cache, Options::new(ByteSize::new(64 << 10))).unwrap();
    let pinned = NewEntry::new(Origin::Manual).pinned(true);
    store.write("golden", vec![1; 50_000], &pinned).unwrap();
    store.close().unwrap();
    run_with(&SIM, RULES, dir.path(), "64 KB", &[("a", 30_000)]).await;
    run_with(&SIM, RULES, dir.path(), "64 KB", &[("a", 30_000)]).await;
    ran_because(dir.path(), "the result before was not written (failed)");
}

#[tokio::test(flavor = "multi_thread")]
async fn r34_why_names_a_damaged_file() {
    let dir = tempfile::tempdir().unwrap();
    run(&SIM, RULES, dir.path(), &[("a", 30_000)]).await;
    let files = fs::read_dir(dir.path().join("cache")).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|path| path.is_file()).expect("a value of its own file");
    let mut bytes = fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    fs::write(&file, bytes).unwrap();
    run(&SIM, RULES, dir.path(), &[("a", 30_000)]).await;
    ran_because(dir.path(), "damaged");
}
