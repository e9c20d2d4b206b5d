//! A file system on top of another that it never changes: what is written stays in memory.
//!
//! It lets a store be looked at without changing a byte of it, also on read-only media and beside its
//! living owner.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::{Io, IoFile, Metadata, Open, read_exact_at};
use crate::sync::lock;

/// How much is copied into memory for a write at least, in bytes.
const BLOCK: u64 = 4096;

/// The file system below, and what differs from it.
#[derive(Debug)]
pub(crate) struct Overlay {
    below: Arc<dyn Io>,
    /// Files that were opened for writing; `None` if they were removed.
    files: Mutex<HashMap<PathBuf, Option<Arc<CowFile>>>>,
}

impl Overlay {
    pub(crate) fn new(below: Arc<dyn Io>) -> Self {
        Self { below, files: Mutex::default() }
    }

    fn in_memory(&self, path: &Path) -> Option<Option<Arc<CowFile>>> {
        lock(&self.files).get(path).cloned()
    }

    fn put(&self, path: &Path, file: Option<Arc<CowFile>>) {
        lock(&self.files).insert(path.to_owned(), file);
    }

    fn open_file(&self, path: &Path, how: Open) -> io::Result<Arc<CowFile>> {
        let may_create = matches!(how, Open::Create | Open::New);
        let file = match self.in_memory(path) {
            Some(Some(_)) if how == Open::New => return Err(ErrorKind::AlreadyExists.into()),
            Some(Some(file)) => return Ok(file),
            Some(None) => None,
            None => match self.below.open(path, Open::Read) {
                Ok(_) if how == Open::New => return Err(ErrorKind::AlreadyExists.into()),
                Ok(file) => Some(CowFile::over(file)?),
                Err(e) if e.kind() == ErrorKind::NotFound => None,
                Err(e) => return Err(e),
            },
        };
        let file = match file {
            Some(file) => file,
            None if may_create => CowFile::default(),
            None => return Err(ErrorKind::NotFound.into()),
        };
        let file = Arc::new(file);
        self.put(path, Some(Arc::clone(&file)));
        Ok(file)
    }
}

impl Io for Overlay {
    fn rooted(&self, dir: &Path) -> io::Result<Arc<dyn Io>> {
        Ok(Arc::new(Self::new(self.below.rooted(dir)?)))
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn IoFile>> {
        // Reading alone needs no copy that is remembered.
        if how == Open::Read && self.in_memory(path).is_none() {
            return self.below.open(path, how);
        }
        Ok(self.open_file(path, how)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.open_file(from, Open::Edit)?;
        self.put(from, None);
        self.put(to, Some(file));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.metadata(path)?;
        self.put(path, None);
        Ok(())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        let changed: HashMap<_, _> = lock(&self.files)
            .iter()
            .filter(|(file, _)| file.parent() == Some(path))
            .filter_map(|(file, now)| Some((file.file_name()?.to_str()?.to_owned(), now.is_some())))
            .collect();
        let listed = self.below.list(path, &mut |name| {
            if !changed.contains_key(name) {
                each(name);
            }
        });
        match listed {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        changed.iter().filter(|(_, there)| **there).for_each(|(name, _)| each(name));
        Ok(())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self.in_memory(path) {
            Some(Some(file)) => file.metadata(),
            Some(None) => Err(ErrorKind::NotFound.into()),
            None => self.below.metadata(path),
        }
    }
}

/// A file whose changed blocks are in memory.
#[derive(Debug, Default)]
struct CowFile {
    below: Option<Arc<dyn IoFile>>,
    state: Mutex<Cow>,
}

#[derive(Debug, Default)]
struct Cow {
    len: u64,
    /// How much of the file below still counts.
    below_len: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl CowFile {
    fn over(below: Arc<dyn IoFile>) -> io::Result<Self> {
        let len = below.len()?;
        let state = Mutex::new(Cow { len, below_len: len, blocks: BTreeMap::new() });
        Ok(Self { below: Some(below), state })
    }

    /// The block as it is now.
    fn block(&self, state: &Cow, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = state.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK as usize];
        let start = number * BLOCK;
        let there = state.below_len.saturating_sub(start).min(BLOCK) as usize;
        if let (Some(below), 1..) = (&self.below, there) {
            read_exact_at(&**below, start, &mut block[..there])?;
        }
        Ok(block)
    }
}

impl IoFile for CowFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = lock(&self.state);
        let within = (offset % BLOCK) as usize;
        let left = state.len.saturating_sub(offset);
        let n = buf.len().min(BLOCK as usize - within).min(left.min(BLOCK) as usize);
        if n > 0 {
            let block = self.block(&state, offset / BLOCK)?;
            buf[..n].copy_from_slice(&block[within..within + n]);
        }
        Ok(n)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.state);
        let within = (offset % BLOCK) as usize;
        let n = data.len().min(BLOCK as usize - within);
        let mut block = self.block(&state, offset / BLOCK)?;
        block[within..within + n].copy_from_slice(&data[..n]);
        state.blocks.insert(offset / BLOCK, block);
        state.len = state.len.max(offset + n as u64);
        Ok(n)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        let len = lock(&self.state).len;
        let below = self.below.as_ref().map(|below| below.metadata()).transpose()?;
        Ok(Metadata {
            len,
            modified: below.map_or(SystemTime::UNIX_EPOCH, |below| below.modified),
            inode: below.map_or(0, |below| below.inode),
            links: 1,
        })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.len = state.len.max(len);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = lock(&self.state);
        if len < state.len {
            // What was cut off reads as zeros if the file grows again.
            state.blocks.split_off(&len.div_ceil(BLOCK));
            let within = (len % BLOCK) as usize;
            if within > 0 {
                let mut block = self.block(&state, len / BLOCK)?;
                block[within..].fill(0);
                state.blocks.insert(len / BLOCK, block);
            }
            state.below_len = state.below_len.min(len);
        }
        state.len = len;
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}
