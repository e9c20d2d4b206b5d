//! The writer: lines are encoded into one buffer, and appended to the file in as few writes as the
//! promises allow.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::encode::Encode;
use crate::error::{Error, Result};
use crate::folder;
use crate::header::RunHeader;
use crate::lines::{self, CallEnd, CallLeft, CallStart, Dropped, RunSummary};
use crate::tally::Tally;
use crate::time::micros;

/// Lines that wait for the disk may take this many bytes.
const QUEUE_BYTES: usize = 8 << 20;

/// How long the thread gathers lines before it writes them.
const GATHER: Duration = Duration::from_millis(5);

/// After a write that took longer, in microseconds, callers leave writing to the thread until a write is
/// fast again.
const STALL_US: u64 = 50_000;

/// Writes the record of a run. Its methods may be called from any thread.
///
/// Dropping it writes what is queued, but no summary: the record then says that the run did not end
/// in order. [`finish`](Self::finish) ends it.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    header: RunHeader,
    start: Instant,
    next_id: AtomicU64,
    queue: Mutex<Queue>,
    file: Mutex<Output>,
    /// The thread sleeps, and nobody has woken it yet.
    idle: AtomicBool,
    stalled: AtomicBool,
    closing: AtomicBool,
    written: Written,
}

/// What [`RecorderStats`] is made of.
#[derive(Debug, Default)]
struct Written {
    lines: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    error: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    lines: u64,
    /// Lines that were dropped since the last write.
    dropped: u64,
    tally: Tally,
}

#[derive(Debug)]
struct Output {
    file: File,
    /// Taken turns with the buffer of the queue, so that neither grows anew.
    spare: Vec<u8>,
    /// The last write failed, maybe in the middle of a line.
    torn: bool,
}

/// What a recorder did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Lines handed to the file.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that are missing because the disk stalled or failed.
    pub dropped: u64,
    /// The first error of the disk.
    pub error: Option<String>,
}

impl Recorder {
    /// Starts the record of a run in `dir`, which is created if needed (for the user alone).
    ///
    /// # Errors
    /// When the directory or the file cannot be created.
    pub fn create(dir: &Path, header: RunHeader) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| Error::io("create the directory", dir, error))?;
        let path = dir.join(folder::file_name(&header));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(|error| Error::io("create", &path, error))?;
        // Tells others that this run lives. A file system without locks is no reason to give up.
        let _ = file.try_lock();
        let mut first = Vec::new();
        lines::append(&mut first, "run", &header);
        file.write_all(&first).map_err(|error| Error::io("write", &path, error))?;
        Self::append_to(file, path, header)
    }

    fn append_to(file: File, path: PathBuf, header: RunHeader) -> Result<Self> {
        Self::start_thread(Shared {
            path,
            header,
            start: Instant::now(),
            next_id: AtomicU64::new(1),
            queue: Mutex::default(),
            file: Mutex::new(Output { file, spare: Vec::new(), torn: false }),
            idle: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            written: Written::default(),
        })
    }

    fn start_thread(shared: Shared) -> Result<Self> {
        let shared = Arc::new(shared);
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("chia-record".into()).spawn(move || own.run());
        let thread = thread.map_err(|e| Error::io("start a thread for", &shared.path, e))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The header, with the run's id.
    #[must_use]
    pub fn header(&self) -> &RunHeader {
        &self.shared.header
    }

    /// Microseconds since the start of the run.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        micros(self.shared.start.elapsed())
    }

    /// An id for a call that no other call of this run has.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Records that a call was dispatched. The line is in the file within 10 ms.
    pub fn start(&self, call: &CallStart<'_>) {
        self.shared.push(call, |tally| tally.calls += 1);
        self.wake();
    }

    /// Records that a call ended. When this returns, the line is in the file, unless the disk stalls.
    pub fn end(&self, call: &CallEnd<'_>) {
        self.shared.push_end(call);
        if self.shared.stalled.load(Ordering::Relaxed) {
            self.wake();
        } else {
            self.shared.write_out(call.ended_us);
        }
    }

    /// As [`end`](Self::end), but the line is in the file within 10 ms only: for the calls that came
    /// back with another one, whose own end is recorded next.
    pub fn end_later(&self, call: &CallEnd<'_>) {
        self.shared.push_end(call);
        self.wake();
    }

    /// Records that the handle of a call was dropped before anybody asked for its result.
    pub fn left(&self, call: CallLeft) {
        self.shared.push(&call, |_| {});
        self.wake();
    }

    /// The calls so far. Those that are not over are `open`.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = lock(&self.shared.queue).tally;
        let ended = tally.ran + tally.replayed + tally.replaced + tally.failed;
        tally.open = tally.calls.saturating_sub(ended);
        tally
    }

    /// What was written, and what was not.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        let written = &self.shared.written;
        RecorderStats {
            lines: written.lines.load(Ordering::Relaxed),
            bytes: written.bytes.load(Ordering::Relaxed),
            dropped: written.dropped.load(Ordering::Relaxed),
            error: lock(&written.error).clone(),
        }
    }

    /// Writes what is queued and the summary, with a line for each thing that had no effect. What is
    /// recorded after that is lost.
    ///
    /// # Errors
    /// When the disk failed, now or before: the record is then not whole.
    pub fn finish(&self, unused: Vec<String>) -> Result<()> {
        if self.shared.closing.load(Ordering::Acquire) {
            return Ok(());
        }
        let summary = RunSummary { ended_us: self.now_us(), total: self.tally(), unused };
        self.shared.push(&summary, |_| {});
        self.stop();
        match self.stats().error {
            Some(error) => Err(Error::io("write", self.path(), io::Error::other(error))),
            None => Ok(()),
        }
    }

    fn wake(&self) {
        if self.shared.idle.swap(false, Ordering::AcqRel)
            && let Some(thread) = &*lock(&self.thread)
        {
            thread.thread().unpark();
        }
    }

    fn stop(&self) {
        self.shared.closing.store(true, Ordering::Release);
        if let Some(thread) = lock(&self.thread).take() {
            thread.thread().unpark();
            // A panic there has been reported; what it left is written below.
            let _ = thread.join();
        }
        self.shared.write_out(self.now_us());
        let _ = lock(&self.shared.file).file.unlock();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.shared.closing.load(Ordering::Acquire) {
            self.stop();
        }
    }
}

impl Shared {
    /// Puts a line into the queue, or counts it as dropped.
    fn push(&self, line: &impl Encode, count: impl FnOnce(&mut Tally)) {
        let mut queue = lock(&self.queue);
        count(&mut queue.tally);
        if queue.bytes.len() >= QUEUE_BYTES {
            queue.dropped += 1;
            self.written.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        line.encode(&mut queue.bytes);
        queue.lines += 1;
    }

    fn push_end(&self, call: &CallEnd<'_>) {
        self.push(call, |tally| {
            tally.count_end(Some(&call.outcome));
            tally.took_us = tally.took_us.saturating_add(call.took_us);
            tally.saved_us = tally.saved_us.saturating_add(call.saved_us);
        });
    }

    /// Appends everything queued to the file. On return, all that was queued before is written, by this
    /// caller or by another. `since_us` is the time that the caller knows; a wait for the file counts as
    /// a stall as well.
    fn write_out(&self, since_us: u64) {
        let mut output = lock(&self.file);
        let output = &mut *output;
        let mut batch = std::mem::take(&mut output.spare);
        if output.torn {
            batch.push(b'\n');
        }
        let before = batch.len();
        let queued = {
            let mut queue = lock(&self.queue);
            self.note_dropped(&mut queue);
            if before == 0 {
                std::mem::swap(&mut batch, &mut queue.bytes);
            } else {
                batch.append(&mut queue.bytes);
            }
            std::mem::take(&mut queue.lines)
        };
        if batch.len() > before {
            let result = output.file.write_all(&batch);
            output.torn = result.is_err();
            let took = micros(self.start.elapsed()).saturating_sub(since_us);
            self.stalled.store(took > STALL_US, Ordering::Relaxed);
            self.account(queued, batch.len(), result);
        }
        batch.clear();
        output.spare = batch;
    }

    /// Says in the record how many lines are missing before the next ones.
    fn note_dropped(&self, queue: &mut Queue) {
        let lines = std::mem::take(&mut queue.dropped);
        if lines > 0 {
            let at_us = micros(self.start.elapsed());
            Dropped { at_us, lines }.encode(&mut queue.bytes);
        }
    }

    fn account(&self, lines: u64, bytes: usize, result: io::Result<()>) {
        match result {
            Ok(()) => {
                self.written.lines.fetch_add(lines, Ordering::Relaxed);
                self.written.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            }
            Err(error) => {
                lock(&self.queue).dropped += lines;
                self.written.dropped.fetch_add(lines, Ordering::Relaxed);
                lock(&self.written.error).get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// The thread: writes what callers did not write themselves.
    fn run(&self) {
        while !self.closing.load(Ordering::Acquire) {
            self.idle.store(true, Ordering::Release);
            if lock(&self.queue).bytes.is_empty() {
                thread::park();
            }
            self.idle.store(false, Ordering::Release);
            if !self.closing.load(Ordering::Acquire) {
                thread::sleep(GATHER);
            }
            self.write_out(micros(self.start.elapsed()));
        }
    }
}

/// Locks a mutex whose data is consistent between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(recorder: &Recorder) {
        let id = recorder.next_id();
        recorder.start(&CallStart::new(id, recorder.now_us(), "f"));
        recorder.end(&CallEnd::new(id, recorder.now_us(), "ran"));
    }

    #[test]
    fn r33_a_disk_that_fails_loses_lines_and_says_so() {
        let Ok(full) = OpenOptions::new().append(true).open("/dev/full") else {
            return println!("skipped: this system has no /dev/full");
        };
        let path = PathBuf::from("/dev/full");
        let recorder = Recorder::append_to(full, path, RunHeader::new("x")).unwrap();
        call(&recorder);
        call(&recorder);
        assert_eq!(recorder.tally().ran, 2);
        assert!(recorder.stats().dropped >= 4, "{:?}", recorder.stats());
        let error = recorder.finish(Vec::new()).unwrap_err();
        assert!(error.to_string().contains("/dev/full"), "{error}");
    }

    #[test]
    fn r33_a_disk_that_stalls_does_not_stall_the_caller() {
        let (reader, pipe) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(pipe));
        let recorder = Recorder::append_to(file, PathBuf::new(), RunHeader::new("x")).unwrap();
        recorder.shared.stalled.store(true, Ordering::Relaxed);
        let since = Instant::now();
        // More than pipe and queue hold: nobody reads yet.
        let tag = "t".repeat(1_000);
        for id in 0..12_000 {
            recorder.start(&CallStart::new(id, 0, "f").tag(&tag));
            recorder.end(&CallEnd::new(id, 0, "ran"));
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        assert!(recorder.stats().dropped > 0);
        let reading = thread::spawn(move || io::read_to_string(reader));
        recorder.finish(Vec::new()).unwrap();
        drop(recorder);
        let text = reading.join().unwrap().unwrap();
        let dropped: Vec<_> = text.lines().filter(|line| line.contains("\"dropped\"")).collect();
        assert_eq!(dropped.len(), 1, "{dropped:?}");
    }
}
