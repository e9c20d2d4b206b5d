//! What the process and the media allow: a limit on the size of files, and media that cannot be written.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says why it is skipped"
)]

use std::path::Path;
use std::process::{Command, Output};

use chia_cache::{ByteSize, Codec, Durability, ErrorKind, NewEntry, Options, Origin, Store};

fn open(dir: &Path) -> chia_cache::Result<Store> {
    Store::open(dir, Options::new(ByteSize::new(1 << 30)))
}

fn real() -> NewEntry {
    NewEntry::new(Origin::Real).function("f").codec(Codec::Raw)
}

/// Runs the ignored test `name` of this program after a shell script, in a shell that `command` starts.
fn child(command: &[&str], script: &str, name: &str, dir: &Path) -> Output {
    Command::new(command[0])
        .args(&command[1..])
        .args(["-c", &format!("{script} && exec \"$0\" --exact {name} --ignored --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .env("CHIA_CHILD_DIR", dir)
        .output()
        .unwrap()
}

fn child_dir() -> Option<std::path::PathBuf> {
    std::env::var_os("CHIA_CHILD_DIR").map(Into::into)
}

/// Fault 13: the kernel ended the process with SIGXFSZ.
#[test]
fn r17_a_limit_on_the_size_of_files_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    // Blocks of 512 bytes: 32 MiB.
    let ended = child(&["sh"], "ulimit -f 65536", "writes_beyond_the_limit", dir.path());
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{}: {said}", ended.status);
    let count = said.lines().filter_map(|line| line.strip_prefix("acknowledged ")).count();
    assert!(count >= 100, "{said}");
    let store = open(dir.path()).unwrap();
    assert!(!store.has("large").unwrap());
    for line in said.lines() {
        let Some(tag) = line.strip_prefix("acknowledged ") else { continue };
        assert_eq!(store.read(tag).unwrap().unwrap().value, vec![7; 10_000], "{tag}");
    }
}

#[test]
#[ignore = "the child process of another test"]
fn writes_beyond_the_limit() {
    let Some(dir) = child_dir() else { return };
    let options = Options::new(ByteSize::new(1 << 30)).durability(Durability::Relaxed);
    let store = Store::open(dir, options).unwrap();
    let error = store.write("large", vec![1; 40 << 20], &real()).unwrap_err();
    println!("{:?}: {error}", error.kind());
    // Enough for an index beyond the limit.
    for i in 0..6_000 {
        let tag = format!("t{i}");
        match store.write(&tag, vec![7; 10_000], &real()) {
            Ok(_) => println!("acknowledged {tag}"),
            Err(error) => return println!("{tag}: {error}; closing: {:?}", store.close()),
        }
    }
    panic!("everything was acknowledged");
}

#[test]
fn r39_media_that_cannot_be_written_are_read_and_refused_to_an_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.write("small", "value", &real()).unwrap();
    store.write("large", vec![1; 50_000], &real()).unwrap();
    store.close().unwrap();
    let mount = "mount --bind \"$CHIA_CHILD_DIR\" \"$CHIA_CHILD_DIR\" && \
                 mount -o remount,bind,ro \"$CHIA_CHILD_DIR\"";
    in_namespace(mount, "reads_from_the_media", dir.path());
}

/// Runs a test where `mount` has changed what is mounted, for that process alone. Says if it cannot.
fn in_namespace(mount: &str, name: &str, dir: &Path) {
    let shell = ["unshare", "--mount", "--map-root-user", "sh"];
    let ended = child(&shell, mount, name, dir);
    let (said, why) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    if said.contains("running 1 test") {
        assert!(ended.status.success(), "{said}{why}");
    } else {
        println!("skipped {name}: nothing can be mounted here: {why}");
    }
}

#[test]
#[ignore = "the child process of another test"]
fn reads_from_the_media() {
    let Some(dir) = child_dir() else { return };
    let store = Store::open_read_only(&dir).unwrap();
    assert_eq!(store.read("small").unwrap().unwrap().value, &b"value"[..]);
    assert_eq!(store.read("large").unwrap().unwrap().value, vec![1; 50_000]);
    let error = open(&dir).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ReadOnly), "{error}");
    println!("refused: {error}");
}

/// Every write was refused, as on a full disk: the space that is held back could not be allocated.
#[test]
fn r13_a_file_system_that_cannot_allocate_takes_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mount = "mount -t ramfs ramfs \"$CHIA_CHILD_DIR\"";
    in_namespace(mount, "writes_without_allocation", dir.path());
}

#[test]
#[ignore = "the child process of another test"]
fn writes_without_allocation() {
    let Some(dir) = child_dir() else { return };
    let store = open(&dir).unwrap();
    store.write("a", "value", &real()).unwrap();
    store.close().unwrap();
    assert_eq!(open(&dir).unwrap().read("a").unwrap().unwrap().value, &b"value"[..]);
}
