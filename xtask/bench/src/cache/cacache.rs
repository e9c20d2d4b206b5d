//! The `cacache` crate: content-addressed files with a checksum, and an index of appended lines.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Value, keys};
use crate::timing::Side;

/// A side for each thing that it can do; it never evicts.
pub(super) struct Peer {
    folder: PathBuf,
    size: usize,
}

impl Peer {
    /// Holds a value under each tag.
    pub(super) fn new(folder: &Path, size: usize) -> cacache::Result<Self> {
        let folder = folder.join(format!("cacache-{size}"));
        let mut value = Value::new(size);
        for at in 0..keys(size) {
            cacache::write_sync(&folder, format!("key{at}"), value.fresh())?;
        }
        Ok(Self { folder, size })
    }

    fn side<'a>(&self, work: impl Fn(&Path, &str) + 'a) -> Side<'a> {
        let folder = self.folder.clone();
        let tags: Vec<String> = (0..keys(self.size)).map(|at| format!("key{at}")).collect();
        let mut next = 0;
        Box::new(move |times| {
            let start = Instant::now();
            for _ in 0..times {
                work(&folder, &tags[next % tags.len()]);
                next += 1;
            }
            start.elapsed()
        })
    }

    pub(super) fn write<'a>(&self) -> Side<'a> {
        let value = std::cell::RefCell::new(Value::new(self.size));
        self.side(move |folder, tag| {
            cacache::write_sync(folder, tag, value.borrow_mut().fresh()).expect("cacache writes");
        })
    }

    pub(super) fn read<'a>(&self) -> Side<'a> {
        let size = self.size;
        self.side(move |folder, tag| {
            assert_eq!(cacache::read_sync(folder, tag).expect("cacache reads").len(), size);
        })
    }

    pub(super) fn has<'a>(&self) -> Side<'a> {
        self.side(|folder, tag| {
            assert!(cacache::metadata_sync(folder, tag).expect("cacache looks").is_some());
        })
    }

    /// Eight threads: seven reads, two looks and one write in ten.
    pub(super) fn mixed<'a>(&self) -> Side<'a> {
        let (folder, size) = (self.folder.clone(), self.size);
        super::threads::mixed(size, move |tag, what, value| match what {
            super::threads::What::Read => {
                drop(cacache::read_sync(&folder, tag).expect("cacache reads"));
            }
            super::threads::What::Has => {
                drop(cacache::metadata_sync(&folder, tag).expect("cacache looks"));
            }
            super::threads::What::Write => {
                drop(cacache::write_sync(&folder, tag, value).expect("cacache writes"));
            }
        })
    }
}
