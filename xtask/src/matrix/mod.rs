//! `cargo xtask test`: the matrix of crates, feature sets, backends and Ray versions.
//!
//! [`catalogue`] lists the cells, [`runner`] runs them one after the other (cargo itself uses all
//! cores), [`table`] shows how they ended.

mod catalogue;
mod cell;
mod checks;
mod features;
mod interrupt;
mod layering;
mod runner;
mod rust;
mod table;
mod tidy;

use std::fs;
use std::process::ExitCode;

use anyhow::ensure;
use cell::Cell;

use crate::flags::Test;
use crate::processes;

/// Lists or runs the cells that were asked for.
pub(crate) fn run(flags: &Test) -> anyhow::Result<ExitCode> {
    let mut cells = catalogue::cells(flags.quick)?;
    cells.retain(|cell| wanted(flags, cell));
    ensure!(!cells.is_empty(), "no cell is called so (`cargo xtask test --list` shows them)");
    if flags.list {
        table::list(&cells);
        return Ok(ExitCode::SUCCESS);
    }
    processes::adopt_orphans()?;
    interrupt::end_everything_on_signals()?;
    let rows = runner::run_all(&cells, flags.quick)?;
    print!("\n{}", table::plain(&rows));
    if let Some(file) = &flags.json {
        fs::write(file, table::json(&rows))?;
    }
    if let Some(file) = &flags.markdown {
        fs::write(file, table::markdown(&rows))?;
    }
    let failed = table::failures(&rows, flags.quick);
    print!("{failed}");
    println!("{}", table::tally(&rows));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wanted(flags: &Test, cell: &Cell) -> bool {
    let named = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let below = |names: &[String]| {
        names.is_empty()
            || names.iter().any(|n| {
                cell.name
                    .strip_prefix(n.as_str())
                    .is_some_and(|r| r.is_empty() || r.starts_with('/'))
            })
    };
    named(&flags.crates, cell.subject())
        && (flags.backends.is_empty() || cell.backend.is_some_and(|b| named(&flags.backends, b)))
        && below(&flags.cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell::Verdict;

    #[test]
    fn filters_hold_together_and_a_cell_is_named_whole_or_by_its_head() {
        let cell = |name: &str| Cell::new(name, |_| Ok(Verdict::pass()));
        let local = cell("chia-dispatch/conformance/local").backend("local");
        let plain = cell("chia-dispatch/test/default");
        let test = |crates: &[&str], backends: &[&str], cells: &[&str], cell: &Cell| {
            let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            let flags = Test {
                crates: own(crates),
                backends: own(backends),
                cells: own(cells),
                ..Test::default()
            };
            wanted(&flags, cell)
        };
        assert!(test(&[], &[], &[], &plain));
        assert!(test(&["chia-dispatch"], &["local"], &[], &local));
        assert!(!test(&["chia-dispatch"], &["local"], &[], &plain));
        assert!(!test(&["chia-cache"], &["local"], &[], &local));
        assert!(test(&[], &[], &["chia-dispatch/test"], &plain));
        assert!(test(&[], &[], &["x", "chia-dispatch/test/default"], &plain));
        assert!(!test(&[], &[], &["chia-dispatch/te"], &plain));
    }
}
