//! The commands over a cache.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use chia_cache::{ByteSize, NewEntry, Options, Origin, Store};

mod common;

use common::state;

fn tool(dir: &Path, args: &[&str]) -> Output {
    let tool = env!("CARGO_BIN_EXE_chia-cache");
    Command::new(tool).args(args).arg("--dir").arg(dir).output().unwrap()
}

fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Options::new(ByteSize::new(64 << 20))).unwrap()
}

/// 40 entries of two functions, some inline and some files, and one with an odd tag.
fn fill(store: &Store) {
    for at in 0..40_u32 {
        let function = if at % 2 == 0 { "simulate" } else { "build" };
        let entry = NewEntry::new(Origin::Real).function(function);
        let size = if at % 5 == 0 { 50_000 } else { 100 };
        let tag = format!("iter{}_call{}", at / 10, at % 10);
        store.write(&tag, vec![7; size], &entry.compute_time(Duration::from_secs(3))).unwrap();
    }
    store.write("odd\x1b[31m", b"x", &NewEntry::new(Origin::Manual)).unwrap();
}

const LOOKS: [&[&str]; 8] = [
    &["ls"],
    &["ls", "iter1_*", "--sort", "size"],
    &["ls", "--json"],
    &["show", "iter0_call0"],
    &["show", "absent"],
    &["stats"],
    &["du"],
    &["verify"],
];

#[test]
fn r34_entries_are_listed_shown_and_summed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    let all = said(&tool(dir.path(), &["ls"]));
    assert_eq!(all.lines().count(), 42, "{all}");
    assert!(!all.contains('\x1b'), "a tag reached the terminal as it is");
    let some = said(&tool(dir.path(), &["ls", "iter1_*", "--json"]));
    assert_eq!(some.lines().count(), 10, "{some}");
    let first: serde_json::Value = serde_json::from_str(some.lines().next().unwrap()).unwrap();
    assert_eq!((&first["tag"], &first["size"]), (&"iter1_call0".into(), &50_000.into()));
    let largest = said(&tool(dir.path(), &["ls", "--sort", "size", "--json"]));
    assert!(largest.lines().next().unwrap().contains("50000"));
    assert_eq!(tool(dir.path(), &["ls", "none*"]).status.code(), Some(1));
    let shown = said(&tool(dir.path(), &["show", "iter0_call0"]));
    for fact in ["simulate", "real", "3.0 s"] {
        assert!(shown.contains(fact), "{shown}");
    }
    let usage = said(&tool(dir.path(), &["du"]));
    assert!(usage.contains("simulate") && usage.contains("20"), "{usage}");
    assert!(said(&tool(dir.path(), &["stats"])).contains("41"));
}

#[test]
fn r34_a_directory_that_is_no_cache_is_an_error_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let changes: [&[&str]; 4] =
        [&["rm", "*"], &["pin", "*"], &["clear", "--yes"], &["resize", "1 GB"]];
    for args in LOOKS.into_iter().chain(changes) {
        for dir in [dir.path(), &missing] {
            let out = tool(dir, args);
            assert_eq!(out.status.code(), Some(3), "{args:?}: {}", said(&out));
            assert!(said(&out).contains("holds no cache"), "{}", said(&out));
        }
    }
    assert!(!missing.exists());
    assert_eq!(state(dir.path()), []);
}

#[test]
fn r34_changes_beside_a_living_owner_are_refused_and_name_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    for args in [&["rm", "*"][..], &["pin", "*"], &["clear", "--yes"], &["resize", "1 GB"]] {
        let out = tool(dir.path(), args);
        assert_eq!(out.status.code(), Some(4), "{args:?}: {}", said(&out));
        assert!(said(&out).contains(&std::process::id().to_string()), "{}", said(&out));
    }
    assert_eq!(store.stats().entries, 41);
}

#[test]
fn r34_entries_are_removed_pinned_cleared_and_evicted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    store.close().unwrap();
    let entries = || open(dir.path()).stats().entries;
    assert!(said(&tool(dir.path(), &["rm", "iter3_*"])).contains("10 entries removed"));
    assert_eq!(tool(dir.path(), &["rm", "iter3_*"]).status.code(), Some(1));
    assert_eq!(entries(), 31);
    assert!(said(&tool(dir.path(), &["pin", "iter0_call1"])).contains("1 entries pinned"));
    assert!(said(&tool(dir.path(), &["show", "iter0_call1"])).contains("true"));
    assert!(said(&tool(dir.path(), &["unpin", "iter0_call1"])).contains("1 entries unpinned"));
    let refused = tool(dir.path(), &["resize", "60 KB"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert_eq!(entries(), 31);
    let resized = tool(dir.path(), &["resize", "60 KB", "--allow-shrink"]);
    assert!(resized.status.success(), "{}", said(&resized));
    assert!(entries() < 31);
    let unasked = tool(dir.path(), &["clear"]);
    assert_eq!(unasked.status.code(), Some(2), "{}", said(&unasked));
    assert!(tool(dir.path(), &["clear", "--yes"]).status.success());
    assert_eq!(entries(), 0);
}

#[test]
fn r34_verify_finds_damage_and_leaves_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    store.close().unwrap();
    assert!(tool(dir.path(), &["verify"]).status.success());
    let files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let value = files.into_iter().find(|path| path.is_file()).unwrap();
    let mut bytes = fs::read(&value).unwrap();
    bytes[20_000] ^= 1;
    fs::write(&value, bytes).unwrap();
    let before = state(dir.path());
    let out = tool(dir.path(), &["verify"]);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(
        said(&out).contains("41 entries") && said(&out).contains("1 damaged"),
        "{}",
        said(&out)
    );
    assert_eq!(state(dir.path()), before);
}

/// All tags with their facts, but for when they were last read.
fn facts(dir: &Path) -> Vec<serde_json::Value> {
    let all = said(&tool(dir, &["ls", "--json"]));
    let parse = |line: &str| {
        let mut facts: serde_json::Value = serde_json::from_str(line).unwrap();
        facts.as_object_mut().unwrap().remove("last_read");
        facts
    };
    all.lines().map(parse).collect()
}

#[test]
fn r34_an_export_holds_every_fact_and_merges_into_another_cache() {
    let root = tempfile::tempdir().unwrap();
    let [here, there, out] = ["here", "there", "out"].map(|name| root.path().join(name));
    let store = open(&here);
    fill(&store);
    let labelled = NewEntry::new(Origin::Real).function("f").version("2").label("slack", "-3");
    let labelled = labelled.argument(chia_cache::Fingerprint::new(5, 9).name("seed"));
    store.write("labelled", b"12", &labelled.pinned(true).ttl(Duration::from_secs(900))).unwrap();
    let path = out.to_str().unwrap();
    let done = tool(&here, &["export", path]);
    assert!(done.status.success(), "{}", said(&done));
    assert!(said(&done).contains("42 entries"), "{}", said(&done));
    assert_eq!(facts(&out), facts(&here));
    let again = tool(&here, &["export", path]);
    assert_eq!(again.status.code(), Some(2), "an export never goes into what is there");

    let other = open(&there);
    other.write("iter0_call0", [8; 10], &NewEntry::new(Origin::Real).function("mine")).unwrap();
    other.write("iter0_call1", [7; 100], &NewEntry::new(Origin::Real)).unwrap();
    other.close().unwrap();
    let merged = tool(&there, &["import", path]);
    let text = said(&merged);
    assert_eq!(merged.status.code(), Some(1), "{text}");
    assert!(
        text.contains("40 entries imported, 1 were there, 1 in conflict (0 replaced)"),
        "{text}"
    );
    assert!(text.contains("iter0_call0: mine (10 B"), "{text}");
    let there_now = facts(&there);
    assert_eq!(there_now.len(), 42);
    assert_eq!(there_now.last().unwrap()["tag"], "odd\u{1b}[31m");
    let find = |all: &[serde_json::Value], tag: &str| {
        all.iter().find(|facts| facts["tag"] == tag).cloned().unwrap()
    };
    assert_eq!(find(&there_now, "labelled"), find(&facts(&here), "labelled"));
    assert_eq!(find(&there_now, "iter0_call0")["function"], "mine");

    let replaced = tool(&there, &["import", path, "--replace", "--json"]);
    assert!(replaced.status.success(), "{}", said(&replaced));
    let last = said(&replaced).lines().last().unwrap().to_owned();
    let counts: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&counts["same"], &counts["replaced"]), (&41.into(), &1.into()), "{last}");
    assert_eq!(find(&facts(&there), "iter0_call0")["function"], "simulate");
}

#[test]
fn r20_an_export_for_the_original_is_read_back_without_its_index() {
    let root = tempfile::tempdir().unwrap();
    let [here, there, out] = ["here", "there", "out"].map(|name| root.path().join(name));
    let store = open(&here);
    fill(&store);
    let path = out.to_str().unwrap();
    assert!(tool(&here, &["export", path, "iter1_*", "--pickles"]).status.success());
    assert_eq!(facts(&out).len(), 10);
    let pickles = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(pickles.filter(|path| path.extension().is_some_and(|end| end == "pkl")).count(), 10);
    // The original knows nothing of the index, and may leave other files.
    fs::remove_dir_all(out.join(".chia")).unwrap();
    fs::write(out.join("other.pkl"), b"no pickle").unwrap();
    let looked = state(&out);
    open(&there).close().unwrap();
    let merged = tool(&there, &["import", path]);
    assert!(merged.status.success(), "{}", said(&merged));
    assert!(said(&merged).contains("10 entries imported"), "{}", said(&merged));
    assert_eq!(facts(&there), facts(&out), "facts travel in the files as well");
    assert_eq!(state(&out), looked, "reading an export changes nothing");
    let nothing = tool(&there, &["import", root.path().to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(3), "{}", said(&nothing));
}

#[test]
fn r34_a_value_is_shown_without_being_executed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let evil = dir.path().join("executed");
    let pickle = format!("cos\nsystem\n(S'touch {}'\ntR.", evil.display());
    let entry = NewEntry::new(Origin::Real);
    store.write("evil", pickle.as_bytes(), &entry).unwrap();
    store.write("plain", b"\x80\x02}q\0U\x01aK\x01s.", &entry).unwrap();
    store.write("raw", vec![b'x'; 10_000], &entry.clone().codec(chia_cache::Codec::Raw)).unwrap();
    let shown = said(&tool(dir.path(), &["show", "evil", "--value"]));
    assert!(shown.contains("<os.system>('touch "), "{shown}");
    assert!(!evil.exists());
    assert!(said(&tool(dir.path(), &["show", "plain", "--value"])).contains("{'a': 1}"));
    let json = said(&tool(dir.path(), &["show", "raw", "--value", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["value"].as_str().unwrap().chars().count(), 4_001);
}

#[test]
fn an_overlay_is_looked_at_as_any_cache_and_names_its_base() {
    let dir = tempfile::tempdir().unwrap();
    let (base, fork) = (dir.path().join("base"), dir.path().join("fork"));
    let stored = |dir: &Path, tag: &str| {
        let store = open(dir);
        store.write(tag, b"value", &NewEntry::new(Origin::Real)).unwrap();
        store.close().unwrap();
    };
    stored(&base, "recorded");
    stored(&fork, "new");
    chia_cache::overlay::record(&fork, &base).unwrap();
    let named = format!("overlay of         {}", base.display());
    assert!(said(&tool(&fork, &["stats"])).contains(&named));
    assert!(!said(&tool(&base, &["stats"])).contains("overlay of"));
    let stats: serde_json::Value =
        serde_json::from_slice(&tool(&fork, &["stats", "--json"]).stdout).unwrap();
    assert_eq!(stats["base"], base.to_str().unwrap());
    let shown = said(&tool(&fork, &["show", "recorded"]));
    assert!(shown.contains("recorded") && shown.contains(base.to_str().unwrap()), "{shown}");
    assert!(!said(&tool(&fork, &["show", "new"])).contains("base"));
    assert_eq!(tool(&fork, &["show", "absent"]).status.code(), Some(1));
    let listed = said(&tool(&fork, &["ls"]));
    assert!(listed.contains("new") && !listed.contains("recorded"), "{listed}");
    assert_eq!(tool(&fork, &["rm", "*"]).status.code(), Some(0));
    assert!(said(&tool(&base, &["ls"])).contains("recorded"), "the base is untouched");
    fs::rename(&base, dir.path().join("moved")).unwrap();
    let gone = tool(&fork, &["stats"]);
    assert!(gone.status.code() == Some(3) && said(&gone).contains("is gone"), "{}", said(&gone));
}
