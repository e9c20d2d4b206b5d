//! The real file system, seen from one directory.
//!
//! Every path is walked from a held handle of that directory, one component at a time and never through
//! a symbolic link, and only regular files are opened. So nothing that somebody puts into the directory
//! leads out of it or makes an open hang.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::process::{Resource, getrlimit};

use super::{Io, IoFile, Metadata, Open};
use crate::sync::lock;

/// The operating system's files beneath one directory.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    root: PathBuf,
    /// Open directories, by their path beneath the root.
    dirs: Mutex<HashMap<PathBuf, Arc<OwnedFd>>>,
}

const DIR_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Disk {
    /// A file system without a directory: [`Io::rooted`] gives it one.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The handle of a directory beneath the root, kept open.
    fn dir(&self, beneath: &Path) -> io::Result<Arc<OwnedFd>> {
        if let Some(dir) = lock(&self.dirs).get(beneath) {
            return Ok(Arc::clone(dir));
        }
        let Some(Component::Normal(name)) = beneath.components().next_back() else {
            return Err(outside(beneath));
        };
        let parent = self.dir(beneath.parent().unwrap_or(Path::new("")))?;
        let dir = rustix::fs::openat(&*parent, name, DIR_FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        let dir = Arc::new(dir);
        lock(&self.dirs).insert(beneath.to_owned(), Arc::clone(&dir));
        Ok(dir)
    }

    fn beneath<'p>(&self, path: &'p Path) -> io::Result<&'p Path> {
        path.strip_prefix(&self.root).map_err(|_| outside(path))
    }

    /// The directory that holds `path`, and its name there.
    fn place<'p>(&self, path: &'p Path) -> io::Result<(Arc<OwnedFd>, &'p std::ffi::OsStr)> {
        let beneath = self.beneath(path)?;
        let name = beneath.file_name().ok_or_else(|| outside(path))?;
        Ok((self.dir(beneath.parent().unwrap_or(Path::new("")))?, name))
    }

    fn dir_at(&self, path: &Path) -> io::Result<Arc<OwnedFd>> {
        self.dir(self.beneath(path)?)
    }
}

fn outside(path: &Path) -> io::Error {
    let why = format!("{} is not beneath the directory", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

impl Io for Disk {
    fn rooted(&self, dir: &Path) -> io::Result<Arc<dyn Io>> {
        match fs::metadata(dir) {
            Ok(found) if !found.is_dir() => return Err(io::ErrorKind::NotADirectory.into()),
            Ok(_) => {}
            Err(_) => DirBuilder::new().recursive(true).mode(0o700).create(dir)?,
        }
        let handle = rustix::fs::openat(CWD, dir, DIR_FLAGS, Mode::empty())?;
        let dirs = HashMap::from([(PathBuf::new(), Arc::new(handle))]);
        Ok(Arc::new(Self { root: dir.to_owned(), dirs: Mutex::new(dirs) }))
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn IoFile>> {
        let (dir, name) = self.place(path)?;
        let flags = match how {
            Open::Read => OFlags::RDONLY,
            Open::Edit => OFlags::RDWR,
            Open::Create => OFlags::RDWR | OFlags::CREATE,
            Open::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // Without NONBLOCK the open of a named pipe would wait for its other end.
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&*dir, name, flags, Mode::from(0o600))?);
        if how != Open::New {
            let found = file.metadata()?;
            // What a second name shares, a write would change elsewhere as well.
            if !found.is_file() || (how != Open::Read && found.nlink() > 1) {
                return Err(super::not_regular());
            }
        }
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((from_dir, from), (to_dir, to)) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::renameat(&*from_dir, from, &*to_dir, to)?)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        Ok(rustix::fs::unlinkat(&*dir, name, AtFlags::empty())?)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        match rustix::fs::mkdirat(&*dir, name, Mode::from(0o700)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
        match self.dir_at(path) {
            // A link where a directory should be.
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                Err(io::ErrorKind::NotADirectory.into())
            }
            opened => opened.map(drop),
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::fsync(&*self.dir_at(path)?)?)
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&*self.dir_at(path)?)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self, path: &Path, each: &mut dyn FnMut(&str)) -> io::Result<()> {
        let handle = self.dir_at(path)?;
        for item in Dir::read_from(&*handle)? {
            let item = item?;
            let regular = match item.file_type() {
                FileType::Unknown => {
                    let stat =
                        rustix::fs::statat(&*handle, item.file_name(), AtFlags::SYMLINK_NOFOLLOW);
                    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file())
                }
                kind => kind.is_file(),
            };
            if let (true, Ok(name)) = (regular, item.file_name().to_str()) {
                each(name);
            }
        }
        Ok(())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let beneath = self.beneath(path)?;
        if beneath.as_os_str().is_empty() {
            return Ok(metadata(&rustix::fs::fstat(&*self.dir(beneath)?)?));
        }
        let (dir, name) = self.place(path)?;
        Ok(metadata(&rustix::fs::statat(&*dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }
}

#[allow(clippy::unnecessary_cast, reason = "the types of the fields differ between systems")]
fn metadata(stat: &rustix::fs::Stat) -> Metadata {
    let since = Duration::new(stat.st_mtime.max(0) as u64, stat.st_mtime_nsec as u32);
    Metadata {
        len: stat.st_size as u64,
        modified: UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH),
        inode: stat.st_ino as u64,
        links: stat.st_nlink as u64,
    }
}

/// Fails if a file may not be `end` bytes long: the kernel would end the process with SIGXFSZ.
fn within_limit(end: u64) -> io::Result<()> {
    static LIMIT: OnceLock<Option<u64>> = OnceLock::new();
    match *LIMIT.get_or_init(|| getrlimit(Resource::Fsize).current) {
        Some(limit) if end > limit => Err(io::ErrorKind::FileTooLarge.into()),
        _ => Ok(()),
    }
}

/// Takes the space where the file system cannot allocate it, as NFS 4.1 and ramfs.
fn write_zeros(file: &File, len: u64) -> io::Result<()> {
    static PART: [u8; 1 << 16] = [0; 1 << 16];
    for offset in (0..len).step_by(PART.len()) {
        let part = (len - offset).min(PART.len() as u64) as usize;
        file.write_all_at(&PART[..part], offset)?;
    }
    Ok(())
}

impl IoFile for File {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        within_limit(offset.saturating_add(data.len() as u64))?;
        FileExt::write_at(self, data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(metadata(&rustix::fs::fstat(self)?))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        within_limit(len)?;
        File::set_len(self, len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        within_limit(len)?;
        match rustix::fs::fallocate(self, rustix::fs::FallocateFlags::empty(), 0, len) {
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(self, len),
            done => Ok(done?),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        match File::try_lock(self) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}
