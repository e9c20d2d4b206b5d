//! Files and directories as values: put back, compared, refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bytes::Bytes;
use chia_archive::{Directory, ErrorKind, File, Hashes, contents_of};
use common::{listing, names, set_mode};

fn tree(at: &Path) {
    fs::create_dir_all(at.join("src/deep")).unwrap();
    fs::write(at.join("src/main.c"), "int main(void) {}").unwrap();
    fs::write(at.join("src/deep/run.sh"), "#!/bin/sh").unwrap();
    set_mode(&at.join("src/deep/run.sh"), 0o755);
    symlink("src/main.c", at.join("latest")).unwrap();
    symlink("/nowhere/at/all", at.join("dangling")).unwrap();
    set_mode(&at.join("src/deep"), 0o555);
}

#[test]
fn a_directory_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    tree(&dir.path().join("a"));
    let value = Directory::pack(dir.path().join("a")).unwrap();
    value.put_at(dir.path().join("b")).unwrap();
    assert_eq!(listing(&dir.path().join("b")), listing(&dir.path().join("a")));
    assert_eq!(names(dir.path()), ["a", "b"], "no staging folder is left");
    assert_eq!(Directory::at(dir.path().join("b")).unwrap(), value);
}

#[test]
fn a_file_comes_back_with_its_permissions_and_without_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    fs::write(&one, "a program").unwrap();
    set_mode(&one, 0o750);
    let value = File::pack(&one).unwrap();
    fs::remove_file(&one).unwrap();
    value.put_at(&two).unwrap();
    assert_eq!(listing(&two)[0].1 & 0o7777, 0o750);
    assert_eq!(fs::read_to_string(&two).unwrap(), "a program");
}

#[test]
fn what_is_there_already_is_left_alone_if_it_is_the_same_and_refused_if_not() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("source"), dir.path().join("target"));
    fs::write(&source, "same").unwrap();
    let value = File::at(&source).unwrap();
    value.put_at(&target).unwrap();
    let written = fs::metadata(&target).unwrap().modified().unwrap();
    value.put_at(&target).unwrap();
    assert_eq!(fs::metadata(&target).unwrap().modified().unwrap(), written);
    fs::write(&target, "other").unwrap();
    let error = value.put_at(&target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.to_string().ends_with("target is there already, and holds something else"));
    assert_eq!(fs::read_to_string(&target).unwrap(), "other");
}

#[test]
fn whatever_is_there_is_replaced_if_asked() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), "a file").unwrap();
    tree(&at("tree"));
    let (file, tree_value) =
        (File::pack(at("file")).unwrap(), Directory::pack(at("tree")).unwrap());
    let before = listing(&at("tree"));
    file.replace_at(at("target")).unwrap();
    tree_value.replace_at(at("target")).unwrap();
    assert_eq!(listing(&at("target")), before);
    file.replace_at(at("target")).unwrap();
    assert_eq!(fs::read_to_string(at("target")).unwrap(), "a file");
    symlink("file", at("link")).unwrap();
    tree_value.replace_at(at("link")).unwrap();
    fs::write(at("link/extra"), "").unwrap();
    tree_value.replace_at(at("link")).unwrap();
    assert_eq!(listing(&at("link")), before);
    fs::write(at("file"), "another").unwrap();
    file.replace_at(at("file")).unwrap();
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "a file");
    assert_eq!(names(dir.path()), ["file", "link", "target", "tree"], "nothing else is left");
}

#[test]
fn equality_is_about_contents_and_the_executable_bit() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a"), "same").unwrap();
    fs::write(at("b"), "same").unwrap();
    set_mode(&at("b"), 0o600);
    assert_eq!(File::at(at("a")).unwrap(), File::at(at("b")).unwrap());
    assert_eq!(File::at(at("a")).unwrap(), File::pack(at("b")).unwrap());
    set_mode(&at("b"), 0o700);
    assert_ne!(File::at(at("a")).unwrap(), File::at(at("b")).unwrap());
    fs::write(at("b"), "more").unwrap();
    assert_ne!(File::at(at("a")).unwrap(), File::at(at("b")).unwrap());
}

#[test]
fn every_change_of_a_tree_changes_its_digest() {
    let changes: [fn(&Path); 7] = [
        |at| fs::write(at.join("src/main.c"), "int main(void) { }").unwrap(),
        |at| fs::write(at.join("new"), "").unwrap(),
        |at| fs::create_dir(at.join("new")).unwrap(),
        |at| fs::remove_file(at.join("latest")).unwrap(),
        |at| fs::rename(at.join("src/main.c"), at.join("src/main.h")).unwrap(),
        |at| set_mode(&at.join("src/main.c"), 0o755),
        |at| {
            fs::remove_file(at.join("dangling")).unwrap();
            symlink("/nowhere/else", at.join("dangling")).unwrap();
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        tree(dir.path());
        let before = Hashes::shared().hash(dir.path()).unwrap();
        change(dir.path());
        assert_ne!(
            Hashes::shared().hash(dir.path()).unwrap().digest,
            before.digest,
            "change {index}"
        );
    }
}

#[test]
fn a_file_that_changed_before_it_was_packed_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    fs::write(&path, "one").unwrap();
    let value = File::at(&path).unwrap();
    fs::write(&path, "two").unwrap();
    let error = value.to_bytes().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(error.to_string().ends_with("a changed since it was hashed"), "{error}");
    fs::remove_file(&path).unwrap();
    assert_eq!(value.to_bytes().unwrap_err().kind(), ErrorKind::Io);
    assert!(serde_json::to_string(&value).unwrap_err().to_string().contains("cannot find"));
}

#[test]
fn an_encoded_form_says_its_digest_and_is_checked_against_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a"), "the content").unwrap();
    let value = File::pack(at("a")).unwrap();
    let bytes = value.to_bytes().unwrap();
    assert_eq!(contents_of(&bytes), Some(*value.contents()));
    assert_eq!(File::from_bytes(bytes.clone()).unwrap(), value);
    for at_byte in 9..41 {
        let mut forged = bytes.to_vec();
        forged[at_byte] ^= 1;
        let forged = File::from_bytes(forged.into()).unwrap();
        let error = forged.put_at(at("b")).unwrap_err();
        let kinds = [ErrorKind::BadArchive, ErrorKind::TooLarge];
        assert!(kinds.contains(&error.kind()), "byte {at_byte}: {error}");
        assert_eq!(names(dir.path()), ["a"]);
    }
}

#[test]
fn other_bytes_and_the_other_kind_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let packed = Directory::pack(dir.path()).unwrap().to_bytes().unwrap();
    let error = File::from_bytes(packed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongKind);
    assert_eq!(error.to_string(), "the packed value is a directory, not a file");
    assert_eq!(File::at(dir.path()).unwrap_err().kind(), ErrorKind::WrongKind);
    let error = File::from_bytes(Bytes::from_static(b"nonsense")).unwrap_err();
    assert_eq!(error.to_string(), "8 bytes that are no packed file");
    assert_eq!(contents_of(&[0; 100]), None);
}

#[test]
fn what_cannot_be_kept_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
    let error = Directory::pack(dir.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let message = error.to_string();
    assert!(
        message.ends_with("s is a socket: only files, directories and links are kept"),
        "{message}"
    );
    let error = File::at(dir.path().join("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn more_than_the_disk_has_room_for_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "x").unwrap();
    let mut bytes = File::pack(dir.path().join("a")).unwrap().to_bytes().unwrap().to_vec();
    bytes[25..33].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    let value = File::from_bytes(bytes.into()).unwrap();
    assert_eq!(value.contents().bytes, 1 << 60);
    let error = value.put_at(dir.path().join("b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("do not fit into"), "{error}");
}

#[test]
fn a_target_without_a_directory_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "x").unwrap();
    let value = File::pack(dir.path().join("a")).unwrap();
    let error = value.put_at(dir.path().join("no/such/b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().ends_with("no/such"), "{error}");
    assert_eq!(value.put_at("/").unwrap_err().kind(), ErrorKind::Exists);
}
