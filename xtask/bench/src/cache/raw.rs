//! What the disk and the memory can do: no store is faster, except by doing less.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use twox_hash::XxHash3_128;

use super::{Value, keys};
use crate::timing::Side;

/// Whether a raw write waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    No,
    Yes,
}

/// A new file, written, renamed over the old one, and synced with its directory if asked for.
pub(super) fn write_and_rename<'a>(folder: &Path, size: usize, sync: Sync) -> io::Result<Side<'a>> {
    let folder = folder.join(format!("rename-{size}-{}", sync == Sync::Yes));
    fs::create_dir_all(&folder)?;
    let (mut value, draft) = (Value::new(size), folder.join("draft"));
    let write = move |at: u64| -> io::Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(value.fresh())?;
        if sync == Sync::Yes {
            file.sync_data()?;
        }
        fs::rename(&draft, folder.join(format!("key{}", at % keys(size))))?;
        if sync == Sync::Yes {
            File::open(&folder)?.sync_all()?;
        }
        Ok(())
    };
    Ok(side(write))
}

/// One file that grows, synced after each append: the least that a durable write can do.
pub(super) fn synced_append<'a>(folder: &Path, size: usize) -> io::Result<Side<'a>> {
    let mut file = File::create(folder.join(format!("append-{size}")))?;
    let mut value = Value::new(size);
    Ok(side(move |_| {
        file.write_all(value.fresh())?;
        file.sync_data()
    }))
}

/// One commit of one value, straight to redb.
pub(super) fn redb_commit<'a>(folder: &Path, size: usize) -> anyhow::Result<Side<'a>> {
    const TABLE: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("values");
    let db = redb::Database::create(folder.join(format!("redb-{size}")))?;
    let mut value = Value::new(size);
    let mut commit = move |at: u64| -> Result<(), redb::Error> {
        let transaction = db.begin_write()?;
        transaction
            .open_table(TABLE)?
            .insert(format!("key{}", at % keys(size)).as_str(), value.fresh())?;
        Ok(transaction.commit()?)
    };
    Ok(side(move |at| commit(at).map_err(io::Error::other)))
}

/// A file opened, read whole and summed, as a read that trusts nothing does at the least.
pub(super) fn read_and_sum<'a>(folder: &Path, size: usize) -> io::Result<Side<'a>> {
    let paths: Vec<PathBuf> =
        (0..keys(size)).map(|at| folder.join(format!("read-{size}-{at}"))).collect();
    for path in &paths {
        fs::write(path, Value::new(size).fresh())?;
    }
    Ok(side(move |at| {
        let mut bytes = Vec::with_capacity(size);
        File::open(&paths[at as usize % paths.len()])?.read_to_end(&mut bytes)?;
        std::hint::black_box(XxHash3_128::oneshot(&bytes));
        Ok(())
    }))
}

/// A copy in memory, summed.
pub(super) fn copy_and_sum<'a>(size: usize) -> Side<'a> {
    let values: Vec<Vec<u8>> = (0..keys(size)).map(|_| Value::new(size).bytes).collect();
    side(move |at| {
        let copy = values[at as usize % values.len()].clone();
        std::hint::black_box(XxHash3_128::oneshot(&copy));
        Ok(())
    })
}

/// A side that times all of `work` and counts its calls.
fn side<'a>(mut work: impl FnMut(u64) -> io::Result<()> + 'a) -> Side<'a> {
    let mut next = 0;
    Box::new(move |times| -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            work(next).expect("the disk works");
            next += 1;
        }
        start.elapsed()
    })
}
