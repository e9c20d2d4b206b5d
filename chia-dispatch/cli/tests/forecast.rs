//! What other rules and another cache would do to a recorded run.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use chia_bypass::{Answer, RunSettings};
use chia_cache::{ByteSize, Fingerprint, NewEntry, Options, Origin, Store};
use chia_config::Config;
use chia_record::{CallEnd, CallStart, Recorder, Run, RunHeader};
use serde_json::Value;

const HASH: u128 = 7 << 100;
const OTHER: u128 = 8 << 100;

const TAGS: &str = "cache: {simulate: true}\nbypass: {simulate: true}\n";
const CHECKED: &str = "cache: {simulate: true}\nbypass: {simulate: {bypass: true, check: true}}\n";

/// A run of seven calls: `simulate` under five tags, one of them twice, and a nested call of the first.
fn record(dir: &Path) {
    let recorder = Recorder::create(dir, RunHeader::new("search")).unwrap();
    let mut first = 0;
    for (at, tag) in ["same", "stale", "absent", "foreign", "absent"].into_iter().enumerate() {
        let id = recorder.next_id();
        first = if at == 0 { id } else { first };
        let start = CallStart::new(id, 0, "simulate").tag(tag).args([Some(HASH)]).version("1");
        recorder.start(&start.decision("replay", "replay"));
        recorder.end(&CallEnd::new(id, 5, "ran").took_us(2_000_000));
        if at == 0 {
            let nested = recorder.next_id();
            recorder.start(&CallStart::new(nested, 0, "inner").parent(id).decision("run", "off"));
            recorder.end(&CallEnd::new(nested, 4, "ran").took_us(1_000_000));
        }
    }
    let id = recorder.next_id();
    recorder.start(&CallStart::new(id, 6, "build").decision("run", "not_listed"));
    recorder.end(&CallEnd::new(id, 9, "ran").took_us(3_000_000));
    recorder.finish(Vec::new()).unwrap();
}

fn fill(dir: &Path) {
    let store = Store::open(dir, Options::new(ByteSize::new(1 << 20))).unwrap();
    for (tag, function, hash) in
        [("same", "simulate", HASH), ("stale", "simulate", OTHER), ("foreign", "other", HASH)]
    {
        let entry = NewEntry::new(Origin::Real)
            .function(function)
            .version("1")
            .argument(Fingerprint::new(hash, 8).name("seed"))
            .run("an earlier run")
            .compute_time(Duration::from_secs(9));
        store.write(tag, b"value", &entry).unwrap();
    }
    store.close().unwrap();
}

fn tool(dir: &Path, args: &[&str], envs: &[(&str, &str)]) -> Output {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_chia-cache"));
    for name in ["CHIA_MODE", "CHIA_FROM", "CHIA_RERUN", "CHIA_RUNS"] {
        tool.env_remove(name);
    }
    tool.arg("forecast").args(args).arg("--dir").arg(dir).envs(envs.iter().copied());
    tool.output().unwrap()
}

/// The answers of the calls, and the totals.
fn answers(dir: &Path, rules: &Path, envs: &[(&str, &str)]) -> (Vec<Value>, Value) {
    let out = tool(dir, &["last", "--json", "--rules", rules.to_str().unwrap()], envs);
    let text = String::from_utf8(out.stdout).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = lines.pop().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    (lines.into_iter().map(|call| call["answer"].clone()).collect(), total)
}

struct Dirs {
    root: tempfile::TempDir,
}

impl Dirs {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fill(&root.path().join("cache"));
        record(&root.path().join("cache/runs"));
        fs::write(root.path().join("tags.yaml"), TAGS).unwrap();
        fs::write(root.path().join("checked.yaml"), CHECKED).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }
}

#[test]
fn r32_a_recorded_run_is_decided_anew() {
    let dirs = Dirs::new();
    let miss = |why: &str| serde_json::json!({"miss": why});
    let (absent, foreign) =
        (miss("no entry has this tag"), miss("the entry is a result of `other`"));
    let (cache, replay) = (dirs.path("cache"), Value::from("replay"));
    let (calls, total) = answers(&cache, &dirs.path("tags.yaml"), &[]);
    // The second call of `absent` finds what the first would write.
    let expected = [&replay, &replay, &absent, &foreign, &replay, &Value::from("run")];
    assert_eq!(calls.iter().collect::<Vec<_>>(), expected);
    assert_eq!((&total["stale"], &total["saved_us"]), (&1.into(), &20_000_000.into()), "{total}");
    assert_eq!(total["cost_us"], 7_000_000, "{total}");

    let (calls, total) = answers(&cache, &dirs.path("checked.yaml"), &[]);
    assert_eq!(calls[1], miss("argument 1 `seed` differs from the recorded one"));
    assert_eq!((&total["replayed"], &total["missed"]), (&2.into(), &3.into()), "{total}");
}

#[test]
fn r32_the_environment_counts_and_the_table_names_reasons() {
    let dirs = Dirs::new();
    let (cache, rules) = (dirs.path("cache"), dirs.path("tags.yaml"));
    let (calls, _) = answers(&cache, &rules, &[("CHIA_FROM", "stale")]);
    assert_eq!((&calls[0], &calls[1]), (&"replay".into(), &"run".into()));
    let (calls, total) = answers(&cache, &rules, &[("CHIA_MODE", "off")]);
    assert!(calls.iter().all(|answer| answer == "run") && calls.len() == 7, "{total}");
    let rules = rules.to_str().unwrap();
    let wrong = tool(&cache, &["last", "--rules", rules], &[("CHIA_MODE", "maybe")]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");

    let shown = tool(&cache, &["last", "--rules", rules], &[]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("not made: 1 calls of replaced calls"), "{text}");
    assert!(text.contains("misses: 1 of `simulate`: no entry has this tag (absent)"), "{text}");
    assert!(text.contains("stale: 1 of `simulate`: argument 1 `seed` differs"), "{text}");
    let none = tool(&cache, &["last"], &[]);
    assert_eq!(none.status.code(), Some(1), "without rules nothing is replayed: {none:?}");
}

#[test]
fn r32_the_library_takes_any_source_of_facts() {
    let dirs = Dirs::new();
    let records = chia_record::list(&dirs.path("cache/runs")).unwrap();
    let run = Run::read(&records[0].path).unwrap();
    let rules = Arc::new(Config::parse(TAGS, "rules.yaml", ".").unwrap());
    let nothing = |_: &str| Ok::<_, std::convert::Infallible>(None);
    let forecast = chia_cli::forecast_run(&run, &rules, RunSettings::default(), nothing).unwrap();
    assert_eq!(forecast.count(|answer| matches!(answer, Answer::Miss(_))), 4);
    assert_eq!(
        (forecast.not_made, forecast.saved_us()),
        (0, 2_000_000),
        "one writes for the other"
    );
    assert_eq!(forecast.cost_us(), 4 * 2_000_000 + 1_000_000 + 3_000_000);
}
