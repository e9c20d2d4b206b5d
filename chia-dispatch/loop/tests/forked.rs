//! A run that is killed, and a run that forks from it. Each runs in a process of its own, a copy of this
//! test binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use chia_cache::{Facts, Store};
use chia_loop::rules::Config;
use chia_loop::{Blob, CacheOptions, Chia, Function, Registry};

const DIR: &str = "CHIA_TEST_DIR";
const BASE: &str = "CHIA_TEST_BASE";
const RULES: &str = "cache: {step: true}\nbypass: {step: true}\n";

/// Bytes that no other run computes.
fn step(number: u64) -> Blob {
    let random = RandomState::new();
    let bytes = (0..number * 100).flat_map(|word| random.hash_one(word).to_le_bytes());
    Blob::from(bytes.collect::<Vec<u8>>())
}

static STEP: Function<(u64,), Blob> = Function::new("step", &step);

/// The loop: 16 calls, a line for each with its tag, its source and a hash of its value.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn driver() {
    let dir = std::env::var_os(DIR).expect("the directory of the cache");
    let mut cache = CacheOptions::new("64 MB", dir);
    if let Some(base) = std::env::var_os(BASE) {
        cache = cache.overlay_of(base);
    }
    let config = Config::parse(RULES, "rules.yaml", ".").unwrap();
    let builder = Chia::builder(Registry::new().function(&STEP)).config(config).cache(cache);
    let chia = builder.start().await.unwrap();
    chia.replay(&STEP).unwrap();
    for number in 1..=16 {
        let tag = format!("call{number}");
        let handle = chia.call(&STEP, (number,)).tag(&tag).dispatch().await.unwrap();
        let value = handle.get().await.unwrap();
        let source = handle.outcome().unwrap().source.as_str();
        eprintln!("{tag} {source} {:032x}", hash(&value));
    }
    chia.shutdown().await.unwrap();
}

fn hash(value: &[u8]) -> u128 {
    twox_hash::XxHash3_128::oneshot(value)
}

/// Starts the loop in a process.
fn start(dir: &Path, envs: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "driver", "--nocapture"])
        .env(DIR, dir)
        .envs(envs.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The next calls of a run: tag, source and value.
fn calls(run: &mut Child, most: usize) -> Vec<[String; 3]> {
    let lines = BufReader::new(run.stderr.take().unwrap()).lines().map_while(Result::ok);
    let words = lines.map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words.filter_map(|words| words.try_into().ok()).take(most).collect()
}

/// Everything that a cache holds, without changing it. When an entry was last read is left out.
fn contents(dir: &Path) -> BTreeMap<String, (Bytes, Facts)> {
    let store = Store::open_read_only(dir).unwrap();
    let facts = store.page("", None, usize::MAX).unwrap();
    let entry = |mut facts: Facts| {
        facts.last_read = None;
        let value = store.read(&facts.tag).unwrap().unwrap().value;
        (facts.tag.clone(), (value, facts))
    };
    facts.into_iter().map(entry).collect()
}

#[test]
fn r29_a_fork_replays_what_was_before_it_and_leaves_the_first_run_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (base, fork) = (folder.path().join("base"), folder.path().join("fork"));
    let mut first = start(&base, &[]);
    let before = calls(&mut first, 12);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(before.len() == 12 && before.iter().all(|call| call[1] == "ran"), "{before:?}");
    let recorded = contents(&base);
    assert!(recorded.len() >= 12, "what the loop has seen is recorded");

    let from = [(BASE, base.to_str().unwrap()), ("CHIA_FROM", "call9")];
    let mut second = start(&fork, &from);
    let after = calls(&mut second, 16);
    assert!(second.wait().unwrap().success());
    assert_eq!(after.len(), 16, "{after:?}");
    for (number, call) in after.iter().enumerate() {
        if number < 8 {
            assert_eq!((&call[0], &call[2]), (&before[number][0], &before[number][2]));
            assert_eq!(call[1], "replayed", "{call:?}");
        } else {
            assert_eq!(call[1], "ran", "{call:?}");
        }
    }
    assert_eq!(contents(&base), recorded, "the entries of the first run are as they were");
    let own: Vec<_> = contents(&fork).into_keys().collect();
    assert_eq!(
        own,
        ["call10", "call11", "call12", "call13", "call14", "call15", "call16", "call9"]
    );
}
