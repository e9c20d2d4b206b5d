//! One owner a directory: what a closed, removed or replaced one still does to it.
#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::fs;
use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

use chia_cache::{ByteSize, Codec, ErrorKind, NewEntry, Options, Origin, Store};

fn options() -> Options {
    Options::new(ByteSize::new(1 << 30)).lock_wait(Duration::from_millis(200))
}

fn real() -> NewEntry {
    NewEntry::new(Origin::Real).function("f").codec(Codec::Raw)
}

/// A reader that waits in the middle until it is let on.
struct Slow {
    started: Option<mpsc::Sender<()>>,
    go: mpsc::Receiver<()>,
    left: usize,
}

impl Read for Slow {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.left < 100_000
            && let Some(started) = self.started.take()
        {
            started.send(()).unwrap();
            self.go.recv().unwrap();
        }
        let n = buf.len().min(self.left).min(50_000);
        self.left -= n;
        buf[..n].fill(7);
        Ok(n)
    }
}

/// Fault 4: a slow write outlived the close and appended to the next owner's log.
#[test]
fn r18_a_write_that_outlives_its_store_changes_nothing_of_the_next_owner() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let ((started, begun), (go, wait)) = (mpsc::channel(), mpsc::channel());
    let slow = store.clone();
    let writer = std::thread::spawn(move || {
        let mut reader = Slow { started: Some(started), go: wait, left: 200_000 };
        slow.write_from("slow", &mut reader, &real())
    });
    begun.recv().unwrap();
    store.close().unwrap();
    let next = Store::open(dir.path(), options()).unwrap();
    for i in 0..50 {
        next.write(&format!("{i}"), vec![1; 30_000 * (i % 2) + 5], &real()).unwrap();
    }
    go.send(()).unwrap();
    assert_eq!(writer.join().unwrap().unwrap_err().kind(), &ErrorKind::Closed);
    next.close().unwrap();
    let next = Store::open(dir.path(), options()).unwrap();
    assert!(!next.has("slow").unwrap());
    assert!((0..50).all(|i| next.read(&format!("{i}")).unwrap().is_some()));
}

/// Fault 4: deleting the lock file made two owners.
#[test]
fn r18_an_owner_whose_lock_file_was_removed_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), options()).unwrap();
    first.write("a", "first", &real()).unwrap();
    fs::remove_file(dir.path().join(".chia/lock")).unwrap();
    let second = Store::open(dir.path(), options()).unwrap();
    second.write("b", "second", &real()).unwrap();
    let error = first.write("c", "lost", &real()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotOwner { .. }), "{error}");
    assert!(first.evict("a").is_err());
    drop(first);
    second.write("d", "second", &real()).unwrap();
    drop(second);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.keys().unwrap(), ["a", "b", "d"]);
}

/// Fault 13: writes into a removed directory were acknowledged.
#[test]
fn r17_a_write_into_a_removed_directory_is_not_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache");
    let store = Store::open(&path, options()).unwrap();
    store.write("a", "1", &real()).unwrap();
    fs::remove_dir_all(&path).unwrap();
    for size in [1, 100_000] {
        assert!(store.write("b", vec![0; size], &real()).is_err());
    }
    // The same bytes again are not there either.
    assert!(store.write("a", "1", &real()).is_err());
}
