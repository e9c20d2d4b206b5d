//! What a record promises: nothing is lost that was seen, and nothing in a file is trusted.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use chia_record::{
    CallEnd, CallLeft, CallStart, Recorder, Retention, RuleInfo, Run, RunHeader, list, prune,
};

fn recorder(dir: &tempfile::TempDir) -> Recorder {
    let rule = RuleInfo {
        section: "bypass".into(),
        function: "simulate".into(),
        at: "rules.yaml:3:5".into(),
        on: true,
        tags: Some(vec!["iter.*".into()]),
    };
    Recorder::create(dir.path(), RunHeader::new("loop").rules(vec![rule])).unwrap()
}

/// A call with every fact that is usual.
fn typical(recorder: &Recorder, at: u64) {
    let id = recorder.next_id();
    let tag = format!("iter{}_call{}", at / 100, at % 100);
    let hash = u128::from(at) << 90;
    recorder.start(
        &CallStart::new(id, recorder.now_us(), "run_verilator_test")
            .tag(&tag)
            .decision("replay", "provider")
            .rule("rules.yaml:12:5")
            .args([Some(hash), Some(hash + (1 << 85))]),
    );
    let end = CallEnd::new(id, recorder.now_us(), "ran").node("node-0").waited_us(321);
    recorder.end(&end.took_us(81_234).bytes(1_024).write("stored"));
}

#[test]
fn r33_every_fact_of_a_call_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&dir);
    let (outer, inner) = (recorder.next_id(), recorder.next_id());
    recorder.start(
        &CallStart::new(outer, 10, "build")
            .tag("core \"1\"\n")
            .decision("replay", "provider")
            .rule("rules.yaml:3:5")
            .args([Some(u128::MAX), None])
            .version("2")
            .resources("gpu=1"),
    );
    recorder.start(&CallStart::new(inner, 20, "simulate").parent(outer));
    let failed = CallEnd::new(inner, 30, "failed").error("boom").attempt(3).node("n1");
    recorder.end_later(&failed);
    recorder.end(
        &CallEnd::new(outer, 40, "replayed")
            .node("n0")
            .waited_us(5)
            .took_us(7)
            .bytes(9)
            .saved_us(1_000)
            .write("refreshed")
            .miss("absent")
            .stale("argument 0"),
    );
    let path = recorder.path().to_owned();
    recorder.finish(vec!["rule at rules.yaml:3:5: no call met it".into()]).unwrap();

    let run = Run::read(&path).unwrap();
    assert_eq!(run.header.rules[0].tags.as_deref().unwrap(), ["iter.*"]);
    let [build, simulate] = &run.calls[..] else { panic!("{:?}", run.calls) };
    assert_eq!((build.tag.as_deref(), build.decision.as_str()), (Some("core \"1\"\n"), "replay"));
    assert_eq!(build.args[0].unwrap().to_string(), "ffffffffffff");
    assert_eq!(build.args[1], None);
    assert_eq!((build.version.as_deref(), build.resources.as_deref()), (Some("2"), Some("gpu=1")));
    assert_eq!((build.started_us(), build.ended_us, build.took_us), (15, Some(40), 7));
    assert_eq!((build.bytes, build.saved_us), (9, 1_000));
    assert_eq!(
        (build.miss.as_deref(), build.stale.as_deref()),
        (Some("absent"), Some("argument 0"))
    );
    assert_eq!((simulate.parent, simulate.attempt), (Some(outer), 3));
    assert_eq!(simulate.error.as_deref(), Some("boom"));
    let summary = run.summary.as_ref().unwrap();
    assert_eq!(summary.total, run.total());
    assert_eq!(summary.unused.len(), 1);
    assert_eq!(run.notes.to_string(), "");
}

#[test]
fn r33_the_end_of_a_call_is_in_the_file_when_end_returns() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&dir);
    let mut at_once = 0;
    for at in 0..200 {
        typical(&recorder, at);
        let ran = || Run::read(recorder.path()).unwrap().total().ran;
        at_once += u64::from(ran() == at + 1);
        // A busy machine looks like a disk that stalls, and then the thread writes the line.
        let begin = Instant::now();
        while ran() != at + 1 {
            assert!(begin.elapsed() < Duration::from_secs(20), "line {at} is not in the file");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert!(at_once > 0, "no line was in the file when `end` returned");
    assert!(Run::read(recorder.path()).unwrap().summary.is_none());
}

#[test]
fn r33_a_call_that_nobody_awaits_is_in_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&dir);
    let id = recorder.next_id();
    recorder.start(&CallStart::new(id, 1, "f"));
    recorder.left(CallLeft { id, left_us: 2 });
    let path = recorder.path().to_owned();
    drop(recorder);
    let run = Run::read(&path).unwrap();
    assert!(run.calls[0].left && run.calls[0].outcome.is_none());
    assert_eq!(run.total().open, 1);
    assert!(run.summary.is_none(), "a run that was dropped did not end in order");
}

#[test]
fn r33_many_threads_lose_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&dir);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|at| typical(&recorder, at)));
        }
    });
    let path = recorder.path().to_owned();
    recorder.finish(Vec::new()).unwrap();
    assert_eq!(recorder.stats().dropped, 0);
    let run = Run::read(&path).unwrap();
    assert_eq!((run.calls.len(), run.total().ran), (4_000, 4_000));
}

#[test]
fn r33_a_typical_call_takes_at_most_300_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&dir);
    let before = fs::metadata(recorder.path()).unwrap().len();
    let since = Instant::now();
    (0..10_000).for_each(|at| typical(&recorder, at));
    let each = since.elapsed() / 10_000;
    let bytes = (fs::metadata(recorder.path()).unwrap().len() - before) / 10_000;
    println!("{bytes} B and {each:?} a call (`cargo xtask bench record` measures the time)");
    assert!(bytes <= 300, "{bytes} B a call");
}

#[test]
fn a_cut_last_line_is_skipped_and_a_damaged_one_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(&dir);
    typical(&recorder, 1);
    typical(&recorder, 2);
    let path = recorder.path().to_owned();
    drop(recorder);
    let mut lines: Vec<_> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    lines[2] = "{\"e\":\"end\",\"id\":-3}".into();
    lines.insert(3, "{\"e\":\"later\",\"x\":1}".into());
    fs::write(&path, lines.join("\n") + "\n{\"e\":\"dropped\",\"lines\":4}\n{\"e\":\"en").unwrap();
    let run = Run::read(&path).unwrap();
    assert_eq!((run.calls.len(), run.total().open), (2, 1));
    assert_eq!((run.notes.damaged, run.notes.first_damaged), (1, Some(3)));
    assert_eq!((run.notes.unknown, run.notes.dropped, run.notes.cut), (1, 4, true));
    assert_eq!(run.notes.to_string().lines().count(), 4);
}

#[test]
fn a_later_format_is_read_with_a_note_and_another_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.jsonl");
    let text = "{\"e\":\"run\",\"format\":9,\"id\":\"a\",\"new\":{}}\n\
                {\"e\":\"start\",\"id\":1,\"fn\":\"f\",\"new\":[1]}\n";
    fs::write(&path, text).unwrap();
    let run = Run::read(&path).unwrap();
    assert_eq!((run.notes.later_format, run.calls[0].function.as_str()), (Some(9), "f"));
    for other in ["", "\n", "{}\n", "[1]\n", "a,b\n1,2\n", "{\"e\":\"start\",\"id\":1}\n"] {
        fs::write(&path, other).unwrap();
        let error = Run::read(&path).unwrap_err().to_string();
        assert!(error.contains("is no run record"), "{error}");
    }
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.jsonl");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"{\"e\":\"run\"}\n").unwrap();
    file.write_all(&vec![b'x'; 20 << 20]).unwrap();
    file.write_all(b"\n{\"e\":\"start\",\"id\":5,\"fn\":\"f\"}\n").unwrap();
    let run = Run::read(&path).unwrap();
    assert_eq!((run.notes.damaged, run.calls[0].id), (1, 5));
}

#[test]
fn records_are_for_their_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("a/runs");
    let recorder = Recorder::create(&runs, RunHeader::new("x")).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&runs), mode(recorder.path())), (0o700, 0o600));
}

#[test]
fn old_records_are_pruned_by_number_and_by_bytes_and_living_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let living = recorder(&dir);
    for at in 0..6 {
        let recorder = recorder(&dir);
        (0..=at).for_each(|at| typical(&recorder, at));
        recorder.finish(Vec::new()).unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "not a record").unwrap();
    let before = list(dir.path()).unwrap();
    assert_eq!(before.len(), 7);
    assert!(before[0].is_live() && !before[1].is_live());

    let pruned = prune(dir.path(), Retention { runs: 4, bytes: u64::MAX }).unwrap();
    assert_eq!((pruned.runs, pruned.failed), (2, 0));
    let after = list(dir.path()).unwrap();
    let ids: Vec<_> = after.iter().map(|record| &record.id).collect();
    let expected = [&before[0], &before[3], &before[4], &before[5], &before[6]].map(|r| &r.id);
    assert_eq!(ids, expected);

    let pruned = prune(dir.path(), Retention { runs: 99, bytes: 1 }).unwrap();
    assert_eq!(pruned.runs, 3);
    let after = list(dir.path()).unwrap();
    assert_eq!(after.iter().map(|r| &r.id).collect::<Vec<_>>(), [&before[0].id, &before[6].id]);
    assert!(dir.path().join("notes.txt").exists());
    living.finish(Vec::new()).unwrap();
}
