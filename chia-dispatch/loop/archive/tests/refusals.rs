//! Archives that are refused: each with an error that says why, and nothing left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::Read;

use chia_archive::{ErrorKind, Limits, unpack};
use common::{AMPLE, Raw, compressed, directory, file, link, long, names, tar_of, top};
use tar::EntryType;

/// Unpacks bytes beside a canary; gives back the error, after a look at what is left.
fn refusal_of_bytes(archive: impl Read, limits: Limits) -> (ErrorKind, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("canary"), "alive").unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    let error = unpack(archive, dir.path().join("in/target"), limits).unwrap_err();
    assert!(names(&dir.path().join("in")).is_empty(), "a failed one leaves nothing: {error}");
    assert_eq!(names(dir.path()), ["canary", "in"], "{error}");
    assert_eq!(fs::read_to_string(dir.path().join("canary")).unwrap(), "alive");
    (error.kind(), error.to_string())
}

fn refusal(entries: &[Raw]) -> String {
    let archive = compressed(&tar_of(entries));
    let (kind, message) = refusal_of_bytes(&archive[..], AMPLE);
    assert_eq!(kind, ErrorKind::BadArchive, "{message}");
    message
}

fn special(kind: EntryType) -> Raw {
    Raw::new(kind, b"x", 0o644, b"")
}

#[test]
fn what_the_table_below_changes_is_accepted_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let entries = [top(), directory("a"), file("a/x", "1"), link("b", "../out"), file("c", "2")];
    let archive = compressed(&tar_of(&entries));
    let contents = unpack(&archive[..], dir.path().join("t"), AMPLE).unwrap();
    assert_eq!((contents.entries, contents.bytes), (5, 2));
    assert_eq!(fs::read_to_string(dir.path().join("t/a/x")).unwrap(), "1");
}

#[test]
fn paths_that_lead_out_are_refused() {
    assert_eq!(
        refusal(&[top(), file("../canary", "")]),
        r#""../canary" may lead out of the directory"#
    );
    assert_eq!(refusal(&[file("../canary", "")]), r#""../canary" may lead out of the directory"#);
    let inside = refusal(&[top(), directory("a"), file("a/../../canary", "")]);
    assert_eq!(inside, r#""a/../../canary" may lead out of the directory"#);
    assert_eq!(refusal(&[top(), file("/etc/x", "")]), r#""/etc/x" is an absolute path"#);
    assert_eq!(refusal(&[top(), file("a//b", "")]), r#""a//b" has an empty part"#);
    assert_eq!(refusal(&[top(), file("./b", "")]), r#""./b" has an empty part"#);
    assert_eq!(refusal(&[top(), directory("a/")]), r#""a/" has an empty part"#);
    let hidden = [b"a/".repeat(60), b"../../../canary\0".to_vec()].concat();
    let entries = [top(), long(EntryType::GNULongName, &hidden), file("a", "")];
    assert!(refusal(&entries).ends_with("may lead out of the directory"));
}

#[test]
fn writes_through_links_are_refused() {
    let through = refusal(&[top(), link("a", ".."), file("a/canary", "dead")]);
    assert_eq!(through, r#""a/canary" lies below "a", which is no directory"#);
    let over = refusal(&[top(), link("a", "../canary"), file("a", "dead")]);
    assert_eq!(over, r#""a" comes twice"#);
    let deep = [top(), directory("a"), link("a/b", "../.."), directory("a/b/c")];
    assert_eq!(refusal(&deep), r#""a/b/c" lies below "a/b", which is no directory"#);
    assert_eq!(refusal(&[link(".", "..")]), r#""." has an empty part"#);
    assert_eq!(refusal(&[link("content", "..")]), r#""content" comes before the top of the tree"#);
}

#[test]
fn entries_that_come_twice_or_out_of_order_are_refused() {
    assert_eq!(refusal(&[top(), file("a", "1"), file("a", "2")]), r#""a" comes twice"#);
    assert_eq!(refusal(&[top(), directory("a"), directory("a")]), r#""a" comes twice"#);
    let later = refusal(&[top(), file("a", "1"), file("b", "2"), file("a", "3")]);
    assert_eq!(later, r#""a" comes after "b": twice, or out of order"#);
    let missing = refusal(&[top(), file("a/b", "")]);
    assert_eq!(missing, r#""a/b" lies in a directory that does not come before it"#);
    assert_eq!(refusal(&[top(), top()]), r#""." has an empty part"#);
    assert_eq!(
        refusal(&[file("content", ""), file("x", "")]),
        r#""x" lies below "", which is no directory"#
    );
    assert_eq!(refusal(&[file("a", "")]), r#""a" comes before the top of the tree"#);
}

#[test]
fn whatever_is_no_file_directory_or_symbolic_link_is_refused() {
    let kinds = [
        (EntryType::Link, r#""x" is a hard link"#),
        (EntryType::Char, r#""x" is a device"#),
        (EntryType::Block, r#""x" is a device"#),
        (EntryType::Fifo, r#""x" is a pipe"#),
        (EntryType::XHeader, r#""x" is a pax header, not of GNU tar"#),
        (EntryType::XGlobalHeader, r#""x" is a pax header, not of GNU tar"#),
        (EntryType::GNUSparse, r#""x" is a sparse file"#),
        (EntryType::Continuous, r#""x" is of the unknown kind '7'"#),
        (EntryType::new(b'Z'), r#""x" is of the unknown kind 'Z'"#),
    ];
    for (kind, message) in kinds {
        let linked = |h: &mut tar::Header| h.as_old_mut().linkname[0] = b'c';
        assert_eq!(refusal(&[top(), special(kind).change(linked)]), message);
    }
    assert_eq!(refusal(&[top(), link("x", "")]), r#""x" is a link to nothing"#);
}

#[test]
fn special_permissions_owners_and_times_are_refused() {
    let message = r#""x" is to run as another user, or has other special permissions"#;
    assert_eq!(refusal(&[top(), file("x", "").change(|h| h.set_mode(0o4755))]), message);
    assert_eq!(refusal(&[top(), file("x", "").change(|h| h.set_mode(0o1755))]), message);
    let message = r#""x" has an owner, a time or something else that is not kept"#;
    assert_eq!(refusal(&[top(), file("x", "").change(|h| h.set_uid(1))]), message);
    assert_eq!(refusal(&[top(), file("x", "").change(|h| h.set_mtime(1))]), message);
    assert_eq!(
        refusal(&[top(), file("x", "").change(|h| h.set_device_major(1).unwrap())]),
        message
    );
    assert_eq!(refusal(&[top(), link("x", "y").change(|h| h.set_mode(0o644))]), message);
}

#[test]
fn names_with_a_nul_are_refused() {
    let name = Raw::new(EntryType::Regular, b"a\0b", 0o644, b"");
    assert_eq!(refusal(&[top(), name]), r#""a\0b" has a NUL in its name"#);
    let target = link("a", "b\0c");
    assert_eq!(refusal(&[top(), target]), r#""b\0c" has a NUL in its name"#);
    let long_name = long(EntryType::GNULongName, b"a\0b\0");
    assert_eq!(refusal(&[top(), long_name, file("a", "")]), r#""a\0b" has a NUL in its name"#);
    let long_target = long(EntryType::GNULongLink, b"c\0d\0");
    assert_eq!(refusal(&[top(), long_target, link("a", "c")]), r#""c\0d" has a NUL in its name"#);
}

#[test]
fn names_that_are_too_long_or_belong_to_nothing_are_refused() {
    let part = [[b'n'; 256].as_slice(), b"\0"].concat();
    let entry = || file(&"n".repeat(100), "");
    let name = |name: &[u8]| long(EntryType::GNULongName, name);
    assert_eq!(refusal(&[top(), name(&part), entry()]), "a name of 256 bytes");
    let path = b"n/".repeat(2_100);
    assert_eq!(refusal(&[top(), name(&path), entry()]), "a name of 4200 bytes");
    assert_eq!(refusal(&[top(), name(b"open"), entry()]), "a long name without its end");
    assert_eq!(refusal(&[top(), name(b""), entry()]), "a long name without its end");
    assert_eq!(
        refusal(&[top(), name(b"a\0"), name(b"b\0"), entry()]),
        "two long names for one entry"
    );
    assert_eq!(refusal(&[top(), name(b"a\0")]), "the archive ends too early");
}

#[test]
fn damaged_and_incomplete_archives_are_refused() {
    let tar = tar_of(&[top(), file("a", &"content ".repeat(1_000))]);
    let whole = compressed(&tar);
    let cases = [
        (Vec::new(), "the archive is damaged or incomplete"),
        (b"no archive at all".to_vec(), "the archive is damaged or incomplete"),
        (whole[..whole.len() / 2].to_vec(), "the archive is damaged or incomplete"),
        (whole[..whole.len() - 1].to_vec(), "the archive is damaged or incomplete"),
        ([whole.as_slice(), b"more"].concat(), "the archive is damaged or incomplete"),
        (compressed(b""), "the archive ends too early"),
        (compressed(&[0; 1024]), "the archive ends too early"),
        (compressed(&tar[..1_000]), "the archive is damaged or incomplete"),
        (compressed(&tar[..2_000]), "the archive ends within a file"),
        (compressed(&tar[..tar.len() - 512]), "the archive does not end as it should"),
        (compressed(&[tar.as_slice(), &[0]].concat()), "the archive does not end as it should"),
        (compressed(&[tar.as_slice(), &tar].concat()), "the archive does not end as it should"),
    ];
    for (archive, message) in cases {
        let refused = refusal_of_bytes(&archive[..], AMPLE);
        assert_eq!(refused, (ErrorKind::BadArchive, message.to_owned()));
    }
    let mut header = tar.clone();
    header[0] ^= 1;
    let refused = refusal_of_bytes(&compressed(&header)[..], AMPLE);
    assert_eq!(refused.1, "the archive is damaged or incomplete", "a header's checksum");
}

#[test]
fn more_than_the_limits_allow_is_refused() {
    let limits = Limits { bytes: 10, entries: 3 };
    let refused = |entries: &[Raw]| refusal_of_bytes(&compressed(&tar_of(entries))[..], limits);
    let message = "the archive holds more than the 10 bytes and 3 entries that are allowed";
    let too_large = (ErrorKind::TooLarge, message.to_owned());
    assert_eq!(refused(&[top(), file("a", "123456"), file("b", "78901")]), too_large);
    assert_eq!(refused(&[top(), file("a", ""), file("b", ""), file("c", "")]), too_large);
    let dir = tempfile::tempdir().unwrap();
    let just = compressed(&tar_of(&[top(), file("a", "123456"), file("b", "7890")]));
    unpack(&just[..], dir.path().join("t"), limits).unwrap();
}

#[test]
fn a_bomb_is_stopped_before_it_is_decompressed() {
    // A claim of a terabyte, and the zeros to go with it.
    let limits = Limits { bytes: 1 << 20, entries: 10 };
    let huge = file("a", "").change(|h| h.set_size(1 << 40));
    let mut tar = tar_of(&[top(), huge]);
    tar.resize(64 << 20, 0);
    let (kind, message) = refusal_of_bytes(&compressed(&tar)[..], limits);
    assert_eq!(kind, ErrorKind::TooLarge, "{message}");
    // A long name of a gigabyte, of which nothing is read.
    let mut name = long(EntryType::GNULongName, b"");
    name.header.set_size(1 << 30);
    assert_eq!(refusal(&[top(), name]), "a name of 1073741824 bytes");
    // Zeros without end behind the end.
    let endless = compressed(&[tar_of(&[top()]), vec![0; 64 << 20]].concat());
    let (_, message) = refusal_of_bytes(&endless[..], limits);
    assert_eq!(message, "the archive does not end as it should");
}

#[test]
fn an_archive_within_an_archive_of_long_names_is_bounded() {
    // Many long names, each replaced by the next: the second is one too many.
    let names = vec![long(EntryType::GNULongName, &[b'n'; 4096]); 100];
    assert_eq!(refusal(&names), "a long name without its end");
}
