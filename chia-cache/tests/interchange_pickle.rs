//! R20: the head of a `(tag, data)` pickle is read and its value cut out without unpickling, for pickles made by CPython.
//!
//! The fixtures are CPython's own (`interchange/peer.py fixtures`) and are compared by `serde_pickle`, an unpickler that
//! shares nothing with the code under test. Where a `python3` is at hand, the whole set is made anew and checked by both of its unpicklers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use chia_cache::pickle::{
    Head, MAX_TAG_LEN, PickleErrorKind, bytes_payload, bytes_pickle, entry_from_bytes,
    entry_from_pickle, read_entry,
};
use serde_pickle::{DeOptions, Value};

struct Case {
    name: String,
    /// `None` for what is not a `(tag, data)` pickle.
    tag: Option<String>,
    pickle: Vec<u8>,
}

fn fixtures() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interchange/fixtures");
    let lines = fs::read_to_string(folder.join("cpython.jsonl")).unwrap();
    let mut cases: Vec<Case> = lines
        .lines()
        .map(|line| case(line, |json| unhex(json["pickle"].as_str().unwrap())))
        .collect();
    for (name, tag) in [
        ("ascii-large_mixed-c-4", "iter0".into()),
        ("ascii-frames-c-5", "iter0".into()),
        ("long-twice-c-4", "t".repeat(70_000)),
    ] {
        let pickle = fs::read(folder.join(format!("{name}.pkl"))).unwrap();
        cases.push(Case { name: name.into(), tag: Some(tag), pickle });
    }
    cases
}

fn case(line: &str, pickle: impl Fn(&serde_json::Value) -> Vec<u8>) -> Case {
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    let (name, tag) =
        (json["name"].as_str().unwrap().to_owned(), json["tag"].as_str().map(str::to_owned));
    Case { name, tag, pickle: pickle(&json) }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The value of an entry as a pickle of its own, by way of the streaming reader.
fn value_of(pickle: &[u8]) -> Vec<u8> {
    let mut source = Cursor::new(pickle);
    let (_, splice) = read_entry(&mut source).unwrap();
    let (mut value, len) = (Vec::new(), splice.len());
    splice.reader(source).unwrap().read_to_end(&mut value).unwrap();
    assert_eq!(value.len() as u64, len);
    value
}

fn entry_of(tag: &str, value: &[u8]) -> Vec<u8> {
    entry_from_pickle(tag, value, *value.last().unwrap(), value.len() as u64).unwrap().apply(value)
}

fn load(pickle: &[u8]) -> Value {
    serde_pickle::value_from_slice(
        pickle,
        DeOptions::new().replace_unresolved_globals().replace_recursive_structures(),
    )
    .unwrap()
}

#[test]
fn r20_the_tag_is_read_from_the_head_of_every_cpython_pickle() {
    let cases = fixtures();
    assert!(cases.len() > 400, "{}", cases.len());
    for case in cases {
        let found = read_entry(&mut Cursor::new(&case.pickle));
        match (case.tag, found) {
            (Some(tag), found) => assert_eq!(
                found.unwrap_or_else(|error| panic!("{}: {error}", case.name)).0.tag(),
                tag
            ),
            (None, Ok((head, _))) => {
                panic!("{} was taken for the entry {:?}", case.name, head.tag())
            }
            (None, Err(error)) => {
                let expected = if case.name.contains("surrogate") {
                    PickleErrorKind::TagNotText
                } else {
                    PickleErrorKind::NotAnEntry
                };
                assert_eq!(error.kind(), expected, "{}: {error}", case.name);
            }
        }
    }
}

#[test]
fn r20_the_value_alone_unpickles_to_the_data_of_the_entry() {
    for case in
        fixtures().into_iter().filter(|case| case.tag.is_some() && !case.name.contains("-code-"))
    {
        let Value::Tuple(pair) = load(&case.pickle) else { panic!("{}", case.name) };
        assert_eq!(load(&value_of(&case.pickle)), pair[1], "{}", case.name);
    }
}

#[test]
fn r20_an_entry_made_here_unpickles_to_tag_and_data_and_gives_the_value_back_to_the_byte() {
    for case in
        fixtures().into_iter().filter(|case| case.tag.is_some() && !case.name.contains("-code-"))
    {
        let value = value_of(&case.pickle);
        for tag in ["", "x", "итерация", &"l".repeat(256), &"l".repeat(70_000)] {
            let entry = entry_of(tag, &value);
            assert_eq!(
                load(&entry),
                Value::Tuple(vec![Value::String(tag.into()), load(&value)]),
                "{}",
                case.name
            );
            assert_eq!(Head::parse(&entry).unwrap().tag(), tag);
            assert!(value_of(&entry) == value, "{}: another value came back", case.name);
        }
    }
}

#[test]
fn r20_every_truncation_of_an_entry_is_refused() {
    for case in fixtures().into_iter().filter(|case| case.tag.is_some() && case.pickle.len() < 300)
    {
        for len in 0..case.pickle.len() {
            let Ok((_, splice)) = read_entry(&mut Cursor::new(&case.pickle[..len])) else {
                continue;
            };
            // Only a value that itself holds the bytes of an entry's end, in an unframed pickle, can deceive.
            let end = &case.pickle[..len];
            assert!(
                case.name.contains("-bytes-")
                    || case.name.contains("-text-")
                    || case.name.contains("-pair-"),
                "{} cut to {len}: {splice:?} {end:?}",
                case.name
            );
        }
    }
}

#[test]
fn r20_raw_bytes_are_framed_without_a_copy() {
    for len in [0, 1, 255, 256, 70_000] {
        let raw = vec![7; len];
        let entry = entry_from_bytes("tag", len as u64).unwrap().apply(&raw);
        assert_eq!(
            load(&entry),
            Value::Tuple(vec![Value::String("tag".into()), Value::Bytes(raw.clone())])
        );
        let alone = bytes_pickle(len as u64).apply(&raw);
        assert_eq!(value_of(&entry), alone);
        let payload = bytes_payload(&alone, &alone[alone.len() - 1..], alone.len() as u64).unwrap();
        assert_eq!(alone[payload.start as usize..payload.end as usize], raw);
    }
    // 5 GiB: only the head and the tail exist.
    let len = 5 << 30;
    let entry = entry_from_bytes("tag", len).unwrap();
    assert_eq!((entry.body(), entry.suffix()), (0..len, &b"t."[..]));
    assert!(entry.prefix().ends_with(&[&[0x8e], &len.to_le_bytes()[..]].concat()));
}

#[test]
fn r20_bytes_values_of_cpython_are_recognised_and_others_are_not() {
    let mut recognised = 0;
    for case in
        fixtures().into_iter().filter(|case| case.tag.is_some() && !case.name.contains("-code-"))
    {
        let value = value_of(&case.pickle);
        let first = &value[..value.len().min(20)];
        let last = &value[value.len().saturating_sub(3)..];
        let Some(payload) = bytes_payload(first, last, value.len() as u64) else {
            continue;
        };
        recognised += 1;
        assert_eq!(
            load(&value),
            Value::Bytes(value[payload.start as usize..payload.end as usize].to_vec()),
            "{}",
            case.name
        );
    }
    assert!(recognised > 0);
    let one_tuple = b"\x80\x04C\x03abc\x85.";
    assert_eq!(bytes_payload(one_tuple, b"\x85.", one_tuple.len() as u64), None);
}

#[test]
fn r20_a_tag_beyond_the_bound_is_refused_before_it_is_read() {
    let huge = [b"\x80\x04\x8d".as_slice(), &u64::MAX.to_le_bytes()].concat();
    assert_eq!(Head::parse(&huge).unwrap_err().kind(), PickleErrorKind::TagTooLong);
    let longest = "m".repeat(MAX_TAG_LEN);
    assert_eq!(Head::parse(&entry_of(&longest, b"\x80\x02K\x01.")).unwrap().tag(), longest);
    let longer = "m".repeat(MAX_TAG_LEN + 1);
    assert_eq!(entry_from_bytes(&longer, 1).unwrap_err().kind(), PickleErrorKind::TagTooLong);
}

#[test]
fn r20_only_a_stand_alone_pickle_can_become_an_entry() {
    let values: [&[u8]; 8] = [
        b"hello.",
        b"\x80\x01K\x01.",
        b"\x80\x04K\x01",
        b"\x80\x04.",
        b"",
        b"\x80\x04\x94K\x01.",
        b"\x80\x02q\0K\x01.",
        b"\x80\x04\x95\x02\0\0\0\0\0\0\0\x94.",
    ];
    for value in values {
        let last = value.last().copied().unwrap_or_default();
        let error = entry_from_pickle("t", value, last, value.len() as u64).unwrap_err();
        assert_eq!(error.kind(), PickleErrorKind::NotAValue, "{value:?}");
    }
}

#[test]
fn a_head_tells_where_the_frame_left_off() {
    let framed = b"\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x01tK\x01\x86.";
    let error = Head::parse(&framed[..framed.len()]).unwrap();
    assert_eq!((error.tag(), error.protocol(), error.data_offset()), ("t", 4, 14));
    let crossing = b"\x80\x04\x95\x02\0\0\0\0\0\0\0\x8c\x01tK\x01\x86.";
    let error = Head::parse(crossing).unwrap_err();
    assert_eq!(error.kind(), PickleErrorKind::NotAnEntry);
    assert_eq!(
        error.to_string(),
        "not a (tag, data) pickle: an opcode crosses the end of its frame, byte 13 (byte 14)"
    );
}

#[test]
fn r20_both_of_cpythons_unpicklers_load_values_and_entries() {
    let python = std::env::var_os("CHIA_PYTHON").unwrap_or_else(|| "python3".into());
    if let Err(cause) = Command::new(&python).arg("--version").output() {
        assert!(
            std::env::var_os("CHIA_SLOW").is_none(),
            "the full matrix needs {python:?}: {cause}"
        );
        eprintln!("skipped: no {python:?} ({cause}); the fixtures stand in for it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interchange/peer.py");
    let run = |what: &str| {
        let output =
            Command::new(&python).arg(&peer).arg(what).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run("make");
    let path =
        |name: &str, suffix: &str| -> PathBuf { folder.path().join(format!("{name}.{suffix}")) };
    let mut made = 0;
    for line in fs::read_to_string(folder.path().join("cases.jsonl")).unwrap().lines() {
        let case =
            case(line, |json| fs::read(path(json["name"].as_str().unwrap(), "pkl")).unwrap());
        let Some(tag) = case.tag else {
            assert!(read_entry(&mut Cursor::new(&case.pickle)).is_err(), "{}", case.name);
            continue;
        };
        let value = value_of(&case.pickle);
        fs::write(path(&case.name, "entry"), entry_of(&tag, &value)).unwrap();
        fs::write(path(&case.name, "value"), value).unwrap();
        made += usize::from(!case.name.contains("-code-"));
    }
    assert_eq!(run("check").trim().parse(), Ok(made));
}
