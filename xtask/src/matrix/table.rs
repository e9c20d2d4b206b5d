//! How the cells ended: for people, as Markdown, as JSON.

use std::path::PathBuf;

use serde_json::json;

use super::cell::Cell;

/// How one cell ended.
pub(crate) enum Outcome {
    /// It passed.
    Pass {
        /// What is worth a word beside it.
        note: String,
    },
    /// It could not run.
    Skip {
        /// Why.
        reason: String,
    },
    /// It failed.
    Fail {
        /// What failed.
        reason: String,
        /// Its whole output.
        log: PathBuf,
    },
}

/// One row of the summary.
pub(crate) struct Row {
    /// The cell's name.
    pub(crate) cell: String,
    /// The backend that it tests.
    pub(crate) backend: Option<String>,
    /// Wall time.
    pub(crate) seconds: f64,
    /// How it ended.
    pub(crate) outcome: Outcome,
}

impl Row {
    /// What follows the name in the line of progress.
    pub(crate) fn progress(&self) -> String {
        let [_, seconds, result, note] = self.columns();
        format!("{result} {seconds} s {note}").trim_end().to_owned()
    }

    fn columns(&self) -> [String; 4] {
        let (result, note) = match &self.outcome {
            Outcome::Pass { note } => ("pass", note.as_str()),
            Outcome::Skip { reason } => ("skip", reason.as_str()),
            Outcome::Fail { reason, .. } => ("FAIL", reason.lines().next().unwrap_or_default()),
        };
        let seconds = format!("{:.1}", self.seconds);
        [self.cell.clone(), seconds, result.to_owned(), note.to_owned()]
    }
}

/// Aligned columns.
pub(crate) fn plain(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.cell.len()).max().unwrap_or(0).max(4);
    let line = |[cell, seconds, result, note]: [String; 4]| {
        format!("{cell:<width$} {seconds:>8} {result:<6} {note}").trim_end().to_owned() + "\n"
    };
    let header = ["cell", "seconds", "result", ""].map(String::from);
    std::iter::once(header).chain(rows.iter().map(Row::columns)).map(line).collect()
}

/// A Markdown table with the tally below it.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from("| cell | seconds | result | note |\n|---|--:|---|---|\n");
    for row in rows {
        let cells = row.columns().map(|cell| cell.replace('|', "\\|"));
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text + &format!("\n{}\n", tally(rows))
}

/// One object a line.
pub(crate) fn json(rows: &[Row]) -> String {
    let object = |row: &Row| {
        let [cell, _, result, _] = row.columns();
        let note = match &row.outcome {
            Outcome::Pass { note } => note,
            Outcome::Skip { reason } | Outcome::Fail { reason, .. } => reason,
        };
        let (seconds, backend) = (row.seconds, &row.backend);
        json!({"cell": cell, "backend": backend, "result": result, "seconds": seconds, "note": note})
    };
    rows.iter().map(|row| format!("{}\n", object(row))).collect()
}

/// The failing cells again, each with the command that runs just it; empty without any.
pub(crate) fn failures(rows: &[Row], command: &str) -> String {
    let mut text = String::new();
    for row in rows {
        if let Outcome::Fail { reason, log } = &row.outcome {
            text += &format!("\nFAIL {}: {reason}\n", row.cell);
            text += &format!("  rerun:  {command} --cell {}\n", row.cell);
            text += &format!("  output: {}\n", log.display());
        }
    }
    text
}

/// The closing line.
pub(crate) fn tally(rows: &[Row]) -> String {
    let count = |test: fn(&Outcome) -> bool| rows.iter().filter(|row| test(&row.outcome)).count();
    let passed = count(|o| matches!(o, Outcome::Pass { .. }));
    let failed = count(|o| matches!(o, Outcome::Fail { .. }));
    let skipped = count(|o| matches!(o, Outcome::Skip { .. }));
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

/// Prints the names of cells.
pub(crate) fn list(cells: &[Cell]) {
    for cell in cells {
        println!("{}", cell.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |cell: &str, seconds, outcome| Row {
            cell: cell.to_owned(),
            backend: None,
            seconds,
            outcome,
        };
        let fail =
            Outcome::Fail { reason: "a | b\nmore".to_owned(), log: PathBuf::from("target/x.log") };
        vec![
            row("chia-cache/test", 12.34, Outcome::Pass { note: "7 tests".to_owned() }),
            row("w/deny", 0.0, Outcome::Skip { reason: "not installed".to_owned() }),
            row("w/fmt", 1.0, fail),
        ]
    }

    #[test]
    fn the_plain_table_is_aligned() {
        let expected = "\
cell             seconds result
chia-cache/test     12.3 pass   7 tests
w/deny               0.0 skip   not installed
w/fmt                1.0 FAIL   a | b
";
        assert_eq!(plain(&rows()), expected);
    }

    #[test]
    fn markdown_escapes_bars_and_ends_with_the_tally() {
        let text = markdown(&rows());
        assert!(text.contains("| w/fmt | 1.0 | FAIL | a \\| b |\n"), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed, 1 skipped\n"), "{text}");
    }

    #[test]
    fn json_keeps_the_whole_reason() {
        let text = json(&rows());
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["result"], "FAIL");
        assert_eq!(last["note"], "a | b\nmore");
    }

    #[test]
    fn failures_come_with_the_command_that_reruns_them() {
        let text = failures(&rows(), "cargo xtask test --quick");
        assert!(text.contains("rerun:  cargo xtask test --quick --cell w/fmt\n"), "{text}");
        assert!(!text.contains("w/deny"), "{text}");
        assert_eq!(failures(&rows()[..2], ""), "");
    }
}
