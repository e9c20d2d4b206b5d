//! Any tree comes back as it was, from bytes that depend on nothing else; damaged bytes do no harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use chia_archive::{Hashes, pack, unpack};
use common::{AMPLE, compressed, listing, names, set_mode};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Tree {
    File(u32, Vec<u8>),
    Link(OsString),
    Directory(u32, BTreeMap<OsString, Tree>),
}

/// A name of any bytes: some are longer than a header has room for.
fn name() -> impl Strategy<Value = OsString> {
    let byte = any::<u8>().prop_filter("no part of a name", |byte| ![0, b'/'].contains(byte));
    let bytes = prop_oneof![
        prop::collection::vec(byte.clone(), 1..8),
        prop::collection::vec(byte, 90..255),
    ];
    let bytes = bytes.prop_filter("special", |name| name != b"." && name != b"..");
    bytes.prop_map(OsString::from_vec)
}

fn target() -> impl Strategy<Value = OsString> {
    let byte = any::<u8>().prop_filter("NUL", |byte| *byte != 0);
    prop::collection::vec(byte, 1..300).prop_map(OsString::from_vec)
}

fn tree() -> impl Strategy<Value = Tree> {
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 500..530),
        any::<u8>().prop_map(|byte| vec![byte; 300_000]),
    ];
    let file =
        (0o400..=0o777_u32, content).prop_map(|(mode, content)| Tree::File(mode | 0o400, content));
    let leaf = prop_oneof![3 => file, 1 => target().prop_map(Tree::Link)];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let entries = prop::collection::btree_map(name(), inner, 0..5);
        (0..=0o777_u32, entries).prop_map(|(mode, entries)| Tree::Directory(mode | 0o500, entries))
    })
}

fn write(tree: &Tree, path: &Path) {
    match tree {
        Tree::File(mode, content) => {
            fs::write(path, content).unwrap();
            set_mode(path, *mode);
        }
        Tree::Link(target) => symlink(target, path).unwrap(),
        Tree::Directory(mode, entries) => {
            fs::create_dir(path).unwrap();
            // The order in which they are made must not matter.
            for (name, entry) in entries.iter().rev() {
                write(entry, &path.join(name));
            }
            set_mode(path, *mode);
        }
    }
}

fn top() -> impl Strategy<Value = Tree> {
    tree().prop_filter("a link leads to nothing", |tree| !matches!(tree, Tree::Link(_)))
}

/// Lets the folder be removed, whatever permissions its trees have.
struct Writable(tempfile::TempDir);

impl Drop for Writable {
    fn drop(&mut self) {
        let mut open = vec![self.0.path().to_owned()];
        while let Some(path) = open.pop() {
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                set_mode(&path, 0o700);
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_tree_comes_back_as_it_was(tree in top()) {
        let dir = Writable(tempfile::tempdir().unwrap());
        let (one, two) = (dir.0.path().join("one"), dir.0.path().join("two"));
        write(&tree, &one);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let contents = pack(&one, &mut first).unwrap();
        prop_assert_eq!(unpack(&first[..], &two, AMPLE).unwrap(), contents);
        prop_assert_eq!(listing(&one), listing(&two));
        prop_assert_eq!(pack(&two, &mut second).unwrap(), contents);
        prop_assert!(first == second, "the bytes differ");
        prop_assert_eq!(Hashes::shared().hash(&two).unwrap(), contents);
    }

    #[test]
    fn damaged_bytes_write_nothing_outside_and_leave_nothing(
        tree in top(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        inside in any::<bool>(),
    ) {
        let dir = Writable(tempfile::tempdir().unwrap());
        let (source, place) = (dir.0.path().join("source"), dir.0.path().join("place"));
        fs::create_dir(&place).unwrap();
        write(&tree, &source);
        let mut archive = Vec::new();
        pack(&source, &mut archive).unwrap();
        // Either the compressed bytes, or those of the tar below with headers whose sums are right.
        let mut bytes = if inside { zstd::decode_all(&archive[..]).unwrap() } else { archive };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if inside && at % 512 < 500 {
                let start = at / 512 * 512;
                let mut header = tar::Header::from_byte_slice(&bytes[start..start + 512]).clone();
                header.set_cksum();
                bytes[start..start + 512].copy_from_slice(header.as_bytes());
            }
        }
        let archive = if inside { compressed(&bytes) } else { bytes };
        let result = unpack(&archive[..], place.join("target"), AMPLE);
        let expected: &[&str] = if result.is_ok() { &["target"] } else { &[] };
        prop_assert_eq!(names(&place), expected);
        prop_assert_eq!(names(dir.0.path()), ["place", "source"]);
    }
}

#[test]
fn files_of_many_chunks_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let content: Vec<u8> =
        (0..3_000_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&one, &content).unwrap();
    let mut archive = Vec::new();
    let contents = pack(&one, &mut archive).unwrap();
    assert_eq!(contents.bytes, content.len() as u64);
    unpack(&archive[..], &two, AMPLE).unwrap();
    assert!(fs::read(&two).unwrap() == content);
}

#[test]
fn the_system_tar_unpacks_it_too() {
    use std::process::{Command, Stdio};
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let long = "n".repeat(200);
    fs::create_dir_all(one.join("sub").join(&long)).unwrap();
    fs::write(one.join("sub").join(&long).join("x"), "deep").unwrap();
    symlink("t".repeat(300), one.join("link")).unwrap();
    fs::create_dir(&two).unwrap();
    let mut archive = Vec::new();
    pack(&one, &mut archive).unwrap();
    fs::write(dir.path().join("a.tar"), zstd::decode_all(&archive[..]).unwrap()).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(dir.path().join("a.tar")).arg("-C").arg(&two).stderr(Stdio::inherit());
    match tar.status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return eprintln!("there is no tar here"),
    }
    assert_eq!(listing(&one), listing(&two));
}
