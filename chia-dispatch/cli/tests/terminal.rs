//! The tool on a real terminal (a pseudo-terminal), in a pipe, and when it is interrupted.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::state;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const TOOL: &str = env!("CARGO_BIN_EXE_chia-cache");

/// A terminal of this many columns with a child on it.
struct Terminal {
    master: File,
    child: Child,
}

impl Terminal {
    fn start(columns: u16, args: &[&str], env: &[(&str, &str)]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let side = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        // `setsid -c` makes the terminal the child's own, so that Ctrl-C reaches it.
        let child = Command::new("setsid")
            .args(["-c", TOOL])
            .args(args)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm-256color")
            .envs(env.iter().copied())
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        Self { master: File::from(master), child }
    }

    /// All that the child writes, and how it ends.
    fn end(mut self) -> (String, ExitStatus) {
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        // A terminal without a child on it ends with an error.
        while let Ok(read @ 1..) = self.master.read(&mut piece) {
            text.extend_from_slice(&piece[..read]);
        }
        (String::from_utf8_lossy(&text).replace('\r', ""), self.child.wait().unwrap())
    }
}

fn sample() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for calls in [5, 60] {
        common::sample(dir.path(), calls);
    }
    let path = dir.path().display().to_string();
    (dir, path)
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn r34_tables_fit_the_terminal() {
    let (_dir, runs) = sample();
    for columns in [80, 200] {
        let args = ["why", "iter0_call0", "--runs", &runs];
        for args in [&args[..], &["runs", "--runs", &runs]] {
            let (text, status) = Terminal::start(columns, args, &[]).end();
            assert!(status.success(), "{text}");
            assert!(text.contains("\x1b[1m"), "no colours: {text}");
            for line in text.lines() {
                let width = plain(line).chars().count();
                assert!(width <= usize::from(columns), "{width} columns of {columns}: {line}");
            }
            assert!(columns == 80 || !text.contains('…'), "{columns} columns: {text}");
            assert_eq!(text.contains("program"), columns == 200 && args[0] == "runs", "{text}");
        }
    }
}

/// A cache with tags that are wider than a narrow terminal, and one value that takes a while to verify.
fn cache() -> tempfile::TempDir {
    use chia_cache::{ByteSize, Durability, NewEntry, Options, Origin, Store};
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(ByteSize::new(1 << 30)).durability(Durability::Relaxed);
    let store = Store::open(dir.path(), options).unwrap();
    let entry = NewEntry::new(Origin::Real).function("run_verilator_test");
    for at in 0..150 {
        store
            .write(&format!("iteration{at}_{}", "of_a_search_".repeat(at % 9)), "v", &entry)
            .unwrap();
    }
    store.write("large", vec![7; 64 << 20], &entry).unwrap();
    store.close().unwrap();
    dir
}

#[test]
fn r34_lists_of_entries_fit_the_terminal_and_colours_can_be_off() {
    let dir = cache();
    let dir = dir.path().display().to_string();
    for columns in [80, 200] {
        for args in [&["ls", "--dir", &dir][..], &["ls", "--sort", "size", "--dir", &dir]] {
            let (text, status) = Terminal::start(columns, args, &[]).end();
            assert!(status.success(), "{text}");
            assert!(text.contains("\x1b[1m"), "no colours: {text}");
            assert_eq!(text.lines().count(), 152, "{text}");
            for line in text.lines() {
                let width = plain(line).trim_end().chars().count();
                assert!(width <= usize::from(columns), "{width} columns of {columns}: {line}");
            }
        }
        let (text, _) =
            Terminal::start(columns, &["du", "--dir", &dir], &[("NO_COLOR", "1")]).end();
        assert!(!text.contains('\x1b') && text.contains("run_verilator_test"), "{text}");
    }
}

#[test]
fn r34_an_interrupted_verify_leaves_the_terminal_and_the_cache_as_they_were() {
    let dir = cache();
    let args = ["verify", "--dir", dir.path().to_str().unwrap()];
    let before = state(dir.path());
    let mut terminal = Terminal::start(80, &args, &[]);
    std::thread::sleep(Duration::from_millis(20));
    terminal.master.write_all(b"\x03").unwrap();
    let (text, status) = terminal.end();
    // It may have been done before.
    assert!(status.signal() == Some(2) || status.success(), "{status:?} {text}");
    assert_eq!(state(dir.path()).len(), before.len());
    assert!(state(dir.path()) == before, "verify changed the cache");
    let (text, status) = Terminal::start(80, &args, &[]).end();
    assert!(status.success() && text.contains("151 entries"), "{text}");
    assert!(text.contains("verified "), "no progress is shown: {text}");
}

#[test]
fn r34_no_color_and_pipes_are_plain() {
    let (_dir, runs) = sample();
    let (text, _) = Terminal::start(80, &["runs", "--runs", &runs], &[("NO_COLOR", "1")]).end();
    assert!(!text.contains('\x1b'), "{text}");
    let (text, _) = Terminal::start(80, &["runs", "--runs", &runs], &[("TERM", "dumb")]).end();
    assert!(!text.contains('\x1b'), "{text}");
    let out = Command::new(TOOL).args(["runs", "--runs", &runs]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('…'), "{text}");
    let out = Command::new(TOOL).args(["runs", "--color", "always", "--runs", &runs]).output();
    assert!(out.unwrap().stdout.contains(&0x1b));
}

#[test]
fn r34_a_reader_that_goes_away_ends_the_tool_quietly() {
    let (_dir, runs) = sample();
    let mut child = Command::new(TOOL)
        .args(["report", "last", "--output", "-", "--runs", &runs])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{:?}", out.status);
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}

#[test]
fn r34_an_interrupted_tool_ends_at_once_and_leaves_no_half_file() {
    let dir = tempfile::tempdir().unwrap();
    common::sample(dir.path(), 60_000);
    let page = dir.path().join("report.html");
    let (runs, page_arg) = (dir.path().display().to_string(), page.display().to_string());
    let args = ["report", "last", "--output", &page_arg, "--runs", &runs];
    let mut terminal = Terminal::start(80, &args, &[]);
    std::thread::sleep(Duration::from_millis(150));
    terminal.master.write_all(b"\x03").unwrap();
    let (text, status) = terminal.end();
    assert!(status.signal() == Some(2) || status.code() == Some(130), "{status:?} {text}");
    assert!(!page.exists());
    assert!(
        names(dir.path()).iter().all(|name| name.ends_with(".jsonl")),
        "{:?}",
        names(dir.path())
    );
}

#[test]
fn r34_looking_changes_no_file() {
    let (dir, runs) = sample();
    let before = state(dir.path());
    for args in [&["runs"][..], &["why", "iter0_call0"], &["diff", "last~1", "last"]] {
        for json in [&[][..], &["--json"]] {
            let out = Command::new(TOOL).args(args).args(json).args(["--runs", &runs]).output();
            assert!(out.unwrap().status.code().unwrap() <= 1);
        }
    }
    let out = Command::new(TOOL).args(["trace", "last", "-o", "-", "--runs", &runs]).output();
    assert!(out.unwrap().status.success());
    assert_eq!(state(dir.path()), before);
}

#[test]
fn r34_exit_codes_are_those_of_the_help() {
    let (_dir, runs) = sample();
    let code = |args: &[&str]| {
        let out = Command::new(TOOL).args(args).args(["--runs", &runs]).output().unwrap();
        out.status.code().unwrap()
    };
    assert_eq!(code(&["why", "iter0_call0"]), 0);
    assert_eq!(code(&["why", "no such tag"]), 1);
    assert_eq!(code(&["diff", "last", "last"]), 0);
    assert_eq!(code(&["diff", "last~1", "last"]), 1);
    assert_eq!(code(&["nonsense"]), 2);
    assert_eq!(code(&["report", "ffffffffffff"]), 3);
    assert_eq!(code(&["report", "last", "-o", "/no/such/directory/x"]), 5);
    let empty = tempfile::tempdir().unwrap();
    let out = Command::new(TOOL).arg("runs").arg("--runs").arg(empty.path()).output().unwrap();
    assert_eq!(out.status.code(), Some(3));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("there is no record"), "{said}");
}

#[test]
fn r34_why_names_what_differed() {
    use chia_record::{CallEnd, CallStart, Recorder, RunHeader};
    let dir = tempfile::tempdir().unwrap();
    let run = |edit: &dyn Fn(CallStart<'static>) -> CallStart<'static>, end: CallEnd<'static>| {
        let recorder = Recorder::create(dir.path(), RunHeader::new("x")).unwrap();
        let start = CallStart::new(1, 0, "simulate").tag("t").decision("replay", "replay");
        recorder.start(&edit(start.rule("rules.yaml:3:3").args([Some(1 << 100)]).version("1")));
        recorder.end(&end);
        recorder.finish(Vec::new()).unwrap();
    };
    let end = |how| CallEnd::new(1, 9, how);
    run(&|start| start, end("ran").miss("no entry has this tag").write("failed"));
    run(&|start| start, end("ran").miss("no entry has this tag").write("stored"));
    run(&|start| start, end("replayed"));
    run(&|start| start.args([Some(2 << 100)]), end("ran").miss("the arguments differ"));
    run(&|start| start.args([Some(2 << 100)]).version("2"), end("ran").miss("the version differs"));
    run(&|start| start.decision("run", "condition_false"), end("ran"));
    run(&|start| start, end("ran").miss("the entry was damaged and has been quarantined"));
    let out = Command::new(TOOL).args(["why", "t", "--runs"]).arg(dir.path()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    for (line, causes) in [
        (0, &["no entry has this tag"][..]),
        (1, &["the result before was not written (failed)"]),
        (2, &["replayed"]),
        (3, &["argument 0 differs"]),
        (4, &["version 2 instead of 1"]),
        (5, &["condition false", "decision run instead of replay"]),
        (6, &["damaged"]),
    ] {
        for cause in causes {
            assert!(lines[line].contains(cause), "line {line} lacks `{cause}`:\n{text}");
        }
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).collect()
}
