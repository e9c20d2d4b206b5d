//! The reader against arbitrary bytes: it never panics, and what is before a cut is read.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use chia_record::{CallEnd, CallStart, Recorder, Run, RunHeader};
use proptest::prelude::*;

fn sample(calls: u64) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(dir.path(), RunHeader::new("x")).unwrap();
    for at in 0..calls {
        let id = recorder.next_id();
        recorder.start(&CallStart::new(id, at, "f\u{1F980}").tag("t\\\"").args([Some(7), None]));
        recorder.end(&CallEnd::new(id, at, if at % 3 == 0 { "failed" } else { "ran" }));
    }
    std::fs::read(recorder.path()).unwrap()
}

fn read(bytes: &[u8]) -> chia_record::Result<Run> {
    Run::read_from(bytes, Path::new("fuzz"))
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let mut headed = b"{\"e\":\"run\"}\n".to_vec();
        headed.extend(bytes);
        prop_assert!(read(&headed).is_ok());
    }

    #[test]
    fn a_record_cut_anywhere_has_all_whole_lines(cut in 0usize..100_000) {
        let whole = sample(20);
        let cut = cut % (whole.len() + 1);
        let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
        match read(&whole[..cut]) {
            Ok(run) => {
                let lines = |kind: &[u8]| {
                    let lines = whole[..cut].split_inclusive(|byte| *byte == b'\n');
                    lines.filter(|line| line.ends_with(b"}\n") && line.starts_with(kind)).count()
                };
                let (starts, ends) = (lines(b"{\"e\":\"start\""), lines(b"{\"e\":\"end\""));
                prop_assert!(run.calls.len() >= starts);
                let ended = run.calls.iter().filter(|call| call.outcome.is_some()).count();
                prop_assert!(ended >= ends);
                prop_assert_eq!(run.notes.damaged, 0);
            }
            Err(_) => prop_assert!(cut < header),
        }
    }

    #[test]
    fn damaged_bytes_cost_only_their_lines(places in proptest::collection::vec((0usize..100_000, any::<u8>()), 1..4)) {
        let whole = sample(20);
        let mut bytes = whole.clone();
        let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for (place, byte) in &places {
            let at = header + place % (whole.len() - header);
            bytes[at] = *byte;
        }
        let run = read(&bytes).unwrap();
        let intact = bytes.split(|b| *b == b'\n').filter(|line| whole.split(|b| *b == b'\n').any(|l| l == *line));
        prop_assert!(intact.count() >= 42 - 2 * places.len() - 1);
        prop_assert!(run.calls.len() + 2 * places.len() >= 20);
    }
}
