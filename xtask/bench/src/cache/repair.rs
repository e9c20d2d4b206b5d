//! What redb's two ways of repair cost: the figures behind the store's choice of one.

use std::path::Path;
use std::time::Instant;

use redb::{Database, Durability, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::{Value, place, probe};
use crate::figure::Figure;
use crate::report::Report;
use crate::timing::{self, Side};

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("values");
const INLINE: usize = 4 << 10;
const BYTES: u64 = 256 << 20;
const GIB: f64 = (1 << 30) as f64;

/// Measures the repair after a kill, a GiB of inline values, and a commit, with and without `quick_repair`.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let mut repairs = Vec::new();
    for quick in [true, false] {
        let folder = place::folder()?;
        let file = folder.path().join("redb");
        let path = file.to_str().expect("the path is ours");
        probe::start(&["redb", path, &quick.to_string(), &BYTES.to_string()])?.kill()?;
        let start = Instant::now();
        let db = Database::open(&file)?;
        let took = start.elapsed().as_nanos() as f64;
        let entries = db.begin_read()?.open_table(TABLE)?.len()?;
        anyhow::ensure!(entries >= BYTES / INLINE as u64, "{entries} entries after the repair");
        repairs.push(took * GIB / BYTES as f64);
    }
    report.add(Figure::versus(
        "redb's repair of 1 GiB of 4 KiB values, quick / full",
        "ns",
        repairs[0],
        repairs[1],
    ));

    let folder = place::folder()?;
    for (case, values) in [("one value", 1), ("a fold of 1,000 values", 1_000)] {
        let mut sides = Vec::new();
        for quick in [true, false] {
            sides.push(commit(&folder.path().join(format!("{quick}-{values}")), quick, values)?);
        }
        let took = timing::interleaved(&mut sides);
        report.add(Figure::versus(
            format!("redb's durable commit of {case}, quick / full"),
            "ns",
            took[0],
            took[1],
        ));
    }
    Ok(())
}

fn commit<'a>(file: &Path, quick: bool, values: u64) -> anyhow::Result<Side<'a>> {
    let db = Database::create(file)?;
    let (mut value, mut next) = (Value::new(INLINE), 0);
    Ok(Box::new(move |times| {
        let start = Instant::now();
        for _ in 0..times {
            put(&db, quick, next..next + values, &mut value).expect("redb commits");
            next = (next + values) % 10_000;
        }
        start.elapsed()
    }))
}

fn put(
    db: &Database,
    quick: bool,
    keys: std::ops::Range<u64>,
    value: &mut Value,
) -> Result<(), redb::Error> {
    let mut transaction = db.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(quick);
    let mut table = transaction.open_table(TABLE)?;
    for key in keys {
        table.insert(key, value.fresh())?;
    }
    drop(table);
    Ok(transaction.commit()?)
}

/// Fills a database with `bytes` bytes of values and leaves it open: the process is killed next.
pub(super) fn fill(file: &Path, quick: bool, bytes: u64) -> anyhow::Result<()> {
    let db = Database::create(file)?;
    let mut value = Value::new(INLINE);
    let values = bytes / INLINE as u64;
    for first in (0..values).step_by(4096) {
        put(&db, quick, first..(first + 4096).min(values), &mut value)?;
    }
    // Dropping it would be a clean end.
    std::mem::forget(db);
    Ok(())
}
