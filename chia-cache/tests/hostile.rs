//! Links, pipes and directories in the place of the store's files.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use chia_cache::{ByteSize, Codec, NewEntry, Options, Origin, Store};

fn open(dir: &Path) -> chia_cache::Result<Store> {
    Store::open(dir, Options::new(ByteSize::new(1 << 30)))
}

fn real() -> NewEntry {
    NewEntry::new(Origin::Real).function("f").codec(Codec::Raw)
}

fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.write("large", vec![1; 50_000], &real()).unwrap();
    store.close().unwrap();
    dir
}

/// Fault 6: files outside of the directory were overwritten through links.
#[test]
fn r17_a_link_in_the_place_of_a_file_leads_nowhere() {
    for name in ["lock", "log.0", "log.1", "index.redb"] {
        let (dir, outside) = (filled(), tempfile::tempdir().unwrap());
        let target = outside.path().join("mine");
        fs::write(&target, "precious").unwrap();
        let path = dir.path().join(".chia").join(name);
        fs::remove_file(&path).unwrap();
        symlink(&target, &path).unwrap();
        let store = open(dir.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        store.write("a", "b", &real()).unwrap();
        assert_eq!(store.read("large").unwrap().unwrap().value.len(), 50_000, "{name}");
        store.close().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious", "{name}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn r17_a_hard_link_in_the_place_of_a_file_is_not_written_to() {
    for name in ["lock", "log.0", "log.1", "index.redb"] {
        let (dir, outside) = (filled(), tempfile::tempdir_in("/tmp").unwrap());
        let target = outside.path().join("mine");
        fs::write(&target, "precious").unwrap();
        let path = dir.path().join(".chia").join(name);
        fs::remove_file(&path).unwrap();
        if fs::hard_link(&target, &path).is_err() {
            continue;
        }
        let store = open(dir.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        store.write("a", "b", &real()).unwrap();
        store.close().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious", "{name}");
    }
}

/// Fault 6: every file in a directory that a link led to was deleted.
#[test]
fn r17_a_link_in_the_place_of_a_directory_is_refused_by_name() {
    for name in [".chia", ".chia/staging", ".chia/quarantine"] {
        let (dir, outside) = (filled(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("mine"), "precious").unwrap();
        fs::remove_dir_all(dir.path().join(name)).unwrap();
        symlink(outside.path(), dir.path().join(name)).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "{name}");
        fs::remove_file(dir.path().join(name)).unwrap();
        let store = open(dir.path()).unwrap();
        assert_eq!(store.read("large").unwrap().unwrap().value.len(), 50_000, "{name}");
    }
}

/// Fault 6: opening a named pipe waited for ever.
#[test]
fn r17_a_named_pipe_in_the_place_of_a_file_does_not_hang() {
    let value = |dir: &Path| {
        let mut names = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path());
        names.find(|path| path.extension().is_some_and(|end| end == "val")).unwrap()
    };
    for name in ["log.0", "index.redb", "value"] {
        let dir = filled();
        let path = match name {
            "value" => value(dir.path()),
            name => dir.path().join(".chia").join(name),
        };
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let store = open(dir.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = store.read("large").unwrap();
        assert_eq!(found.is_some(), name != "value", "{name}");
        store.write("large", vec![2; 50_000], &real()).unwrap();
        assert_eq!(store.read("large").unwrap().unwrap().value[0], 2, "{name}");
    }
}

#[test]
fn r17_a_link_in_the_place_of_a_value_is_a_miss() {
    let (dir, outside) = (filled(), tempfile::tempdir().unwrap());
    let target = outside.path().join("mine");
    fs::write(&target, "precious").unwrap();
    let mut names = fs::read_dir(dir.path()).unwrap().map(|item| item.unwrap().path());
    let path = names.find(|path| path.is_file()).unwrap();
    let store = open(dir.path()).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&target, &path).unwrap();
    assert!(store.read("large").unwrap().is_none());
    store.close().unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}
