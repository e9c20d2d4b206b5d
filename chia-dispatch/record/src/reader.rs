//! Reads a record line by line. Nothing in the file is trusted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::header::RunHeader;
use crate::lines::{CallEnd, CallLeft, CallStart, Dropped, RunSummary};
use crate::run::Notes;

/// The longest line that is read, in bytes. Longer ones count as damaged.
const LONGEST_LINE: usize = 8 << 20;

/// A line after the first.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Line {
    /// A call was dispatched.
    Start(CallStart<'static>),
    /// A call ended.
    End(CallEnd<'static>),
    /// A handle was dropped.
    Left(CallLeft),
    /// Lines are missing.
    Dropped(Dropped),
    /// The run ended in order.
    Summary(RunSummary),
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    e: std::borrow::Cow<'a, str>,
}

/// Reads the lines of a record in order; an iterator over [`Line`].
///
/// A line that is cut, damaged or of an unknown kind is skipped and counted in
/// [`notes`](Self::notes).
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    path: PathBuf,
    header: RunHeader,
    notes: Notes,
    buffer: Vec<u8>,
    number: u64,
}

impl Reader<BufReader<File>> {
    /// Opens a record and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read or is no record.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        Self::new(BufReader::with_capacity(1 << 16, file), path)
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads a record from any source; `path` is for messages.
    ///
    /// # Errors
    /// When the source fails or is no record.
    pub fn new(input: R, path: &Path) -> Result<Self> {
        let mut reader = Self {
            input,
            path: path.to_owned(),
            header: RunHeader::default(),
            notes: Notes::default(),
            buffer: Vec::new(),
            number: 0,
        };
        let no_record = || Error::NoRecord { path: path.to_owned() };
        if !reader.next_line()? {
            return Err(no_record());
        }
        match serde_json::from_slice::<Kind<'_>>(&reader.buffer) {
            Ok(kind) if kind.e == "run" => {}
            _ => return Err(no_record()),
        }
        reader.header = serde_json::from_slice(&reader.buffer).map_err(|_| no_record())?;
        if reader.header.format > crate::FORMAT {
            reader.notes.later_format = Some(reader.header.format);
        }
        Ok(reader)
    }

    /// The first line.
    #[must_use]
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    /// What was skipped so far.
    #[must_use]
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Brings the next line into the buffer; false at the end.
    fn next_line(&mut self) -> Result<bool> {
        self.buffer.clear();
        let limit = LONGEST_LINE as u64;
        let mut limited = self.input.by_ref().take(limit);
        limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| Error::io("read", &self.path, error))?;
        self.number += 1;
        if self.buffer.len() == LONGEST_LINE && self.buffer.last() != Some(&b'\n') {
            self.skip_rest().map_err(|error| Error::io("read", &self.path, error))?;
            // Not JSON, so that it counts as damaged.
            self.buffer = b"\n".to_vec();
            self.notes.damaged(self.number);
        }
        Ok(!self.buffer.is_empty())
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let available = self.input.fill_buf()?;
            let (used, done) = match available.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (available.len(), available.is_empty()),
            };
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }

    fn parse(&mut self) -> Option<Line> {
        if self.buffer.trim_ascii().is_empty() {
            return None;
        }
        let whole = self.buffer.last() == Some(&b'\n');
        match parse(&self.buffer) {
            Ok(Some(line)) => return Some(line),
            Ok(None) => self.notes.unknown += 1,
            Err(_) if !whole => self.notes.cut = true,
            Err(_) => self.notes.damaged(self.number),
        }
        None
    }
}

fn parse(line: &[u8]) -> serde_json::Result<Option<Line>> {
    let kind: Kind<'_> = serde_json::from_slice(line)?;
    Ok(Some(match kind.e.as_ref() {
        "start" => Line::Start(serde_json::from_slice(line)?),
        "end" => Line::End(serde_json::from_slice(line)?),
        "left" => Line::Left(serde_json::from_slice(line)?),
        "dropped" => Line::Dropped(serde_json::from_slice(line)?),
        "summary" => Line::Summary(serde_json::from_slice(line)?),
        _ => return Ok(None),
    }))
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_line() {
                Err(error) => return Some(Err(error)),
                Ok(false) => return None,
                Ok(true) => {}
            }
            if let Some(line) = self.parse() {
                return Some(Ok(line));
            }
        }
    }
}
