//! Every cell of the matrix, in the order in which they run: cheap checks first.

use super::cell::{Cell, Verdict};
use super::{built, checks, demo, layering, ray, rust, tidy, vocabulary};
use crate::repo;

/// All cells of the full matrix, or only those of the quick one.
pub(crate) fn cells(quick: bool) -> anyhow::Result<Vec<Cell>> {
    let packages = repo::packages()?;
    let mut cells = checks::cells();
    cells.extend(tidy::cells());
    cells.push(vocabulary::cell());
    cells.extend(layering::cells());
    cells.push(Cell::new("workspace/build", |shell| {
        let count = built::suites(shell)?.len();
        Ok(Verdict::Pass(format!("{count} programs with tests")))
    }));
    for package in &packages {
        cells.extend(rust::cells(package));
    }
    cells.push(rust::doc_cell());
    cells.extend(demo::cells(&packages));
    cells.extend(ray::cells(&packages));
    cells.retain(|cell| !(quick && cell.slow));
    Ok(cells)
}
