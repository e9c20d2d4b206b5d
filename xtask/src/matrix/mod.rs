//! `cargo xtask test`: the matrix of crates, feature sets, backends and Ray versions.
//!
//! `cargo xtask release-check` is a matrix of its own, in [`release`].
//!
//! [`catalogue`] lists the cells, [`runner`] runs them one after the other (cargo itself uses all
//! cores), [`table`] shows how they ended.

mod built;
mod catalogue;
mod cell;
mod checks;
mod demo;
mod features;
mod layering;
mod ray;
mod release;
mod runner;
mod rust;
mod table;
mod tidy;
mod vocabulary;

use std::fs;
use std::process::ExitCode;

use anyhow::ensure;
use cell::Cell;

use crate::flags::{Select, Test};
use crate::{interrupt, lock, processes};

/// Runs the test matrix.
pub(crate) fn test(flags: &Test) -> anyhow::Result<ExitCode> {
    let command = if flags.quick { "cargo xtask test --quick" } else { "cargo xtask test" };
    let mut cells = catalogue::cells(flags.quick)?;
    let backends = &flags.backends;
    let named = |backend: &String| backends.contains(backend);
    cells.retain(|cell| backends.is_empty() || cell.backend.as_ref().is_some_and(named));
    list_or_run(cells, &flags.select, command, !flags.quick)
}

/// Checks what would be published.
pub(crate) fn release_check(flags: &Select) -> anyhow::Result<ExitCode> {
    list_or_run(release::cells()?, flags, "cargo xtask release-check", false)
}

fn list_or_run(
    mut cells: Vec<Cell>,
    select: &Select,
    command: &str,
    slow: bool,
) -> anyhow::Result<ExitCode> {
    cells.retain(|cell| selected(select, cell));
    ensure!(!cells.is_empty(), "no cell is called so (`{command} --list` shows them)");
    if select.list {
        table::list(&cells);
        return Ok(ExitCode::SUCCESS);
    }
    lock::take()?;
    processes::adopt_orphans()?;
    interrupt::end_everything_on_signals()?;
    let rows = runner::run_all(&cells, slow)?;
    print!("\n{}", table::plain(&rows));
    if let Some(file) = &select.json {
        fs::write(file, table::json(&rows))?;
    }
    if let Some(file) = &select.markdown {
        fs::write(file, table::markdown(&rows))?;
    }
    let failed = table::failures(&rows, command);
    print!("{failed}");
    println!("{}", table::tally(&rows));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn selected(select: &Select, cell: &Cell) -> bool {
    let is_or_has = |name: &String| {
        let rest = cell.name.strip_prefix(name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let crates = &select.crates;
    (crates.is_empty() || crates.iter().any(|name| name == cell.subject()))
        && (select.cells.is_empty() || select.cells.iter().any(is_or_has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell::Verdict;

    #[test]
    fn filters_hold_together_and_a_cell_is_named_whole_or_by_its_head() {
        let cell = Cell::new("chia-dispatch/test/default", |_| Ok(Verdict::pass()));
        let test = |crates: &[&str], cells: &[&str]| {
            let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            let select = Select { crates: own(crates), cells: own(cells), ..Select::default() };
            selected(&select, &cell)
        };
        assert!(test(&[], &[]));
        assert!(test(&["chia-cache", "chia-dispatch"], &[]));
        assert!(!test(&["chia-cache"], &["chia-dispatch/test"]));
        assert!(test(&[], &["chia-dispatch/test"]));
        assert!(test(&[], &["x", "chia-dispatch/test/default"]));
        assert!(!test(&[], &["chia-dispatch/te"]));
    }
}
