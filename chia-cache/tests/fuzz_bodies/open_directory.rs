//! A directory with arbitrary bytes in its files, index and log included: it opens, serves nothing wrong, and works from then on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chia_cache::{ByteSize, Durability, ErrorKind, NewEntry, Options, Origin, Store};

const BUDGET: u64 = 1 << 20;
const INLINE: usize = 1_000;

/// The files of a store that was not stopped cleanly: name and contents.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// Damages the files of a sound directory as `input` says, opens it, and uses it. Returns how many entries came through.
pub(crate) fn open_directory(mut input: &[u8]) -> u64 {
    let folder = scratch();
    let folder = folder.path();
    let mut files = sound().clone();
    while let Some(rest) = damage(&mut files, input) {
        input = rest;
    }
    for (name, bytes) in &files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a new folder");
        fs::write(path, bytes).expect("a new file");
    }
    let store = match Store::open(folder, options()) {
        Ok(store) => store,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Version { .. }), "{error:?}");
            return 0;
        }
    };
    let served = check_all(&store);
    let mine = vec![7; 5_000];
    assert!(store.write("after", &mine, &new_entry()).expect("a write").is_stored());
    store.close().expect("a clean stop");

    let store = Store::open(folder, options()).expect("it opens again");
    assert_eq!(store.read("after").expect("a read").expect("a hit").value, mine);
    check_all(&store);
    served
}

/// What is served was written, to the byte; the budget holds.
fn check_all(store: &Store) -> u64 {
    let mut served = 0;
    for tag in store.keys().expect("the keys") {
        let Some(entry) = store.read(&tag).expect("damage is a miss") else { continue };
        let written = sound_values().into_iter().find(|(name, _)| *name == tag);
        if let Some((_, value)) = written {
            assert!(entry.value == value, "a wrong value for {tag}");
            served += 1;
        }
    }
    assert!(store.size_bytes() <= BUDGET, "{} bytes", store.size_bytes());
    served
}

/// Takes one order off the input: which file, what to do to it, where, and with which bytes.
fn damage<'i>(files: &mut Files, input: &'i [u8]) -> Option<&'i [u8]> {
    let [which, what, low, high, len, rest @ ..] = input else { return None };
    let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*len)));
    if what % 6 == 5 {
        let name = ["x.pkl", "deep.chia", ".chia/lock", ".chia/staging/0", ".chia/more"]
            [usize::from(*which) % 5];
        files.retain(|(old, _)| old != Path::new(name));
        files.push((name.into(), bytes.to_vec()));
        return Some(rest);
    }
    if files.is_empty() {
        return None;
    }
    let which = usize::from(*which) % files.len();
    let contents = &mut files[which].1;
    // From the end as well, where logs and files have what matters.
    let offset = usize::from(u16::from_le_bytes([*low, *high]));
    let at = if what & 0x80 == 0 {
        offset.min(contents.len())
    } else {
        contents.len().saturating_sub(offset)
    };
    match what % 6 {
        0 => contents.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = *new),
        1 => contents.iter_mut().skip(at).take(usize::from(*len)).for_each(|old| *old ^= low | 1),
        2 => contents.truncate(at),
        3 => *contents = bytes.to_vec(),
        _ => drop(files.remove(which)),
    }
    Some(rest)
}

/// Copied from a store while it was open, with entries both in its index and in its log.
fn sound() -> &'static Files {
    static SOUND: OnceLock<Files> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = scratch();
        for half in sound_values().chunks(4) {
            let store = Store::open(folder.path(), options()).expect("a new store");
            for (tag, value) in half {
                store.write(tag, value, &new_entry()).expect("a write");
            }
            if half.len() < 4 {
                let mut files = Files::new();
                collect(folder.path(), Path::new(""), &mut files);
                return files;
            }
        }
        unreachable!("the last half is shorter")
    })
}

fn sound_values() -> Vec<(String, Vec<u8>)> {
    let value = |at: usize| [0, 10, INLINE, INLINE + 1, 20, 5_000, 0][at];
    (0..7).map(|at| (format!("tag{at}"), vec![at as u8; value(at)])).collect()
}

fn collect(root: &Path, below: &Path, files: &mut Files) {
    for entry in fs::read_dir(root.join(below)).expect("a listing") {
        let entry = entry.expect("a listing");
        let name = below.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => collect(root, &name, files),
            false => files.push((name.clone(), fs::read(root.join(name)).expect("a file"))),
        }
    }
    files.sort();
}

/// In memory where there is such a place: what is tested is what the files hold, not that they last.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn options() -> Options {
    Options::new(ByteSize::new(BUDGET)).durability(Durability::Relaxed).inline_limit(INLINE)
}

fn new_entry() -> NewEntry {
    NewEntry::new(Origin::Real).function("fuzz")
}
