//! Writing the entries out as the Python original keeps them.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::files::{self, ReadError, StagedFile, Wrap};
use crate::io::Io;
use crate::meta::Meta;
use crate::store::inner::Inner;
use crate::store::read::Outcome;

/// Exported files of one tag always have the same name, so that a later export replaces an earlier.
const GENERATION: u64 = 0;

/// How much of a value must be seen to tell what it is.
const HEAD: usize = 64;

impl Inner {
    /// Writes every entry to `dir` as a pickle of `(tag, value)`; gives how many.
    pub(crate) fn export(&self, dir: &Path) -> Result<u64> {
        self.check_open()?;
        let dir = &*std::path::absolute(dir).map_err(|e| Error::io("create", dir, e))?;
        let out = self.io.rooted(dir).map_err(|e| Error::io("create", dir, e))?;
        let mut exported = 0;
        let mut after = None;
        loop {
            let (tags, end) = self.page("", after.as_deref())?;
            for tag in tags {
                exported += u64::from(self.export_one(&out, dir, &tag)?);
            }
            match end {
                Some(end) => after = Some(end),
                None => break,
            }
        }
        out.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
        Ok(exported)
    }

    /// False if the entry is gone or damaged by now.
    fn export_one(&self, out: &Arc<dyn Io>, dir: &Path, tag: &str) -> Result<bool> {
        let fail = |e| Error::io("export an entry to", dir, e);
        let exported = self.with_value(
            tag,
            |_| true,
            |found, file| {
                let mut export = Export {
                    inner: self,
                    out,
                    dir,
                    tag,
                    meta: &found.meta,
                    head: Vec::new(),
                    staged: None,
                };
                match file {
                    None => export
                        .write_all(found.value.as_deref().unwrap_or_default())
                        .map_err(ReadError::Sink),
                    Some(file) => files::copy(file, &found.meta, &mut export),
                }?;
                export.finish().map_err(ReadError::Sink)
            },
        )?;
        let Outcome::Value((found, staged)) = exported else { return Ok(false) };
        let meta = Meta {
            len: staged.len(),
            checksum: Some(staged.checksum()),
            generation: GENERATION,
            place: staged.place(true),
            ..(*found.meta).clone()
        };
        staged
            .finish(dir, &StagedFile::trailer(self.id, tag, &meta), self.is_durable())
            .map_err(fail)?;
        Ok(true)
    }
}

/// Takes a value and makes a file of it as soon as it has seen what kind of value it is.
struct Export<'a> {
    inner: &'a Inner,
    out: &'a Arc<dyn Io>,
    dir: &'a Path,
    tag: &'a str,
    meta: &'a Meta,
    head: Vec<u8>,
    staged: Option<StagedFile>,
}

impl Export<'_> {
    fn start(&mut self) -> io::Result<StagedFile> {
        let number = self.inner.next_staged.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!(".export-{}-{number}", std::process::id()));
        let head = std::mem::take(&mut self.head);
        let wrap = Wrap::pickle(self.tag, self.meta.codec, &head)?;
        let mut staged = StagedFile::create(self.out, path, wrap)?;
        staged.push(&head)?;
        Ok(staged)
    }

    fn finish(mut self) -> io::Result<StagedFile> {
        match self.staged.take() {
            Some(staged) => Ok(staged),
            None => self.start(),
        }
    }
}

impl Write for Export<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.staged {
            Some(staged) => staged.push(data)?,
            None => self.head.extend_from_slice(data),
        }
        if self.head.len() >= HEAD {
            self.staged = Some(self.start()?);
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
