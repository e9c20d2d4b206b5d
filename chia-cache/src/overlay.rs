//! Overlays: a store whose directory names another one, its base.
//!
//! A [`Store`](crate::Store) itself knows nothing of it. Its user reads from the bases what the store
//! does not have, and writes to the store alone.

use std::ffi::OsString;
use std::io::ErrorKind as Io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::io::{Disk, Io as _, Open, read_file, write_all_at};
use crate::paths::Paths;

/// A path in the record is no longer than this, in bytes.
const MAX_PATH: u64 = 4096;

/// The base of the overlay in `dir`; `None` if the directory is no overlay.
///
/// # Errors
/// A record that cannot be read.
pub fn base(dir: impl AsRef<Path>) -> Result<Option<PathBuf>> {
    let dir = absolute(dir.as_ref())?;
    let path = Paths::new(dir.clone()).overlay;
    let fail = |e| Error::io("read", &path, e);
    if !std::fs::exists(&path).map_err(fail)? {
        return Ok(None);
    }
    let record = Disk::new().rooted(&dir).and_then(|io| read_file(&*io, &path, MAX_PATH));
    let base = PathBuf::from(OsString::from_vec(record.map_err(fail)?));
    match base.is_absolute() {
        true => Ok(Some(base)),
        false => Err(Error::corrupt("read", &path, "it holds no absolute path")),
    }
}

/// All directories that reads of an overlay in `dir` fall through to, the nearest first: `base`, the
/// base of that if it is an overlay itself, and so on. Changes nothing on disk.
///
/// # Errors
/// [`ErrorKind::Overlay`]: a base does not exist or is no store, or a directory is its own base.
pub fn bases(dir: impl AsRef<Path>, base: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let dir = absolute(dir.as_ref())?;
    let mut seen = vec![dir.canonicalize().unwrap_or_else(|_| dir.clone())];
    let mut next = Some(base.as_ref().to_owned());
    let mut chain = Vec::new();
    while let Some(base) = next {
        let found = check(&dir, &base)?;
        if seen.contains(&found) {
            return Err(circle(&dir, &chain, &base));
        }
        next = self::base(&found)?;
        seen.push(found);
        chain.push(base);
    }
    Ok(chain)
}

/// Makes an overlay of the store in `dir`: records that its base is `base`, an absolute path. The
/// caller owns the store, and has checked the path with [`bases`].
///
/// # Errors
/// When the record cannot be written; the old one, if there was one, is then still there.
pub fn record(dir: impl AsRef<Path>, base: impl AsRef<Path>) -> Result<()> {
    let paths = Paths::new(absolute(dir.as_ref())?);
    let staged = paths.overlay.with_extension("new");
    let write = || {
        let io = Disk::new().rooted(&paths.dir)?;
        let file = io.open(&staged, Open::Create)?;
        file.set_len(0)?;
        write_all_at(&*file, 0, base.as_ref().as_os_str().as_bytes())?;
        file.sync()?;
        io.rename(&staged, &paths.overlay)?;
        io.sync_dir(&paths.private)
    };
    write().map_err(|e| Error::io("write", &paths.overlay, e))
}

/// The directory of a base with all links resolved, if there is a store in it.
fn check(dir: &Path, base: &Path) -> Result<PathBuf> {
    let shown = base.display();
    let found = match base.canonicalize() {
        Ok(found) => found,
        Err(e) if e.kind() == Io::NotFound => {
            let why = format!("its base {shown} is gone: bring it back, or name another one");
            return Err(refused(dir, why));
        }
        Err(e) => return Err(Error::io("open", base, e)),
    };
    if !Paths::new(found.clone()).index.is_file() {
        return Err(refused(dir, format!("its base {shown} is no cache")));
    }
    Ok(found)
}

fn circle(dir: &Path, chain: &[PathBuf], base: &Path) -> Error {
    if chain.is_empty() {
        return refused(dir, "it is its own base: name another directory".to_owned());
    }
    let way: Vec<_> = chain.iter().map(|base| base.display().to_string()).collect();
    let (way, base) = (way.join(" -> "), base.display());
    refused(dir, format!("its bases go in a circle: {way} -> {base}"))
}

fn refused(dir: &Path, why: String) -> Error {
    Error::new(ErrorKind::Overlay { why }, "open the overlay", dir)
}

fn absolute(dir: &Path) -> Result<PathBuf> {
    std::path::absolute(dir).map_err(|e| Error::io("open", dir, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteSize, Options, Store};

    fn store(dir: &Path) -> PathBuf {
        let store = Store::open(dir, Options::new(ByteSize::new(1 << 20))).expect("it opens");
        store.close().expect("it closes");
        dir.to_owned()
    }

    #[test]
    fn bases_are_recorded_and_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let [a, b, c] = ["a", "b", "c"].map(|name| store(&dir.path().join(name)));
        assert_eq!(base(&b).expect("it is readable"), None);
        record(&b, &a).expect("it is written");
        store(&b);
        assert_eq!(base(&b).expect("it is readable"), Some(a.clone()));
        assert_eq!(bases(&c, &b).expect("a chain"), [b.clone(), a.clone()]);
    }

    #[test]
    fn bad_bases_are_refused_by_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let [a, b] = ["a", "b"].map(|name| store(&dir.path().join(name)));
        let why = |dir: &Path, base: &Path| bases(dir, base).expect_err("refused").to_string();
        assert!(why(&a, &a).contains("it is its own base"), "{}", why(&a, &a));
        let gone = dir.path().join("gone");
        assert!(why(&a, &gone).contains("gone is gone"), "{}", why(&a, &gone));
        assert!(why(&a, dir.path()).contains("is no cache"), "{}", why(&a, dir.path()));
        record(&a, &b).expect("it is written");
        assert!(why(&b, &a).contains("in a circle"), "{}", why(&b, &a));
        std::fs::write(a.join(".chia/overlay"), "relative").expect("it is written");
        assert_eq!(*base(&a).expect_err("damaged").kind(), ErrorKind::Corrupt);
    }
}
