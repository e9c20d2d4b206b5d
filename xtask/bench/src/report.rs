//! Where figures go: a table for people, JSON lines for programs, Markdown for BENCHMARKS.md.
#![allow(clippy::print_stdout, reason = "printing is its job")]

use std::io::IsTerminal;

use crate::figure::{Figure, human};
use crate::machine;

/// How the figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Aligned columns, a row as soon as it is measured.
    Table,
    /// One object a line, as soon as it is measured.
    Json,
    /// Tables at the end, below the facts of the machine.
    Markdown,
}

/// Takes the figures of all groups.
pub struct Report {
    output: Output,
    group: &'static str,
    sections: Vec<(&'static str, &'static str, Vec<Figure>)>,
}

impl Report {
    /// An empty report.
    pub fn new(output: Output) -> Self {
        Self { output, group: "", sections: Vec::new() }
    }

    /// Starts a group; figures added from now on are its.
    pub fn begin(&mut self, group: &'static str, about: &'static str) {
        self.group = group;
        self.sections.push((group, about, Vec::new()));
        match self.output {
            Output::Table => println!("\n{group}: {about}\n{}", header()),
            Output::Json | Output::Markdown => self.progress(about),
        }
    }

    /// Says on stderr what is being measured, for groups that take long.
    pub fn progress(&self, what: &str) {
        if std::io::stderr().is_terminal() || self.output != Output::Table {
            eprintln!("{}: {what}", self.group);
        }
    }

    /// Adds a figure to the current group and, but for Markdown, prints it at once.
    pub fn add(&mut self, mut figure: Figure) {
        figure.group = self.group;
        match self.output {
            Output::Table => println!("{}", row(&figure)),
            Output::Json => println!("{}", serde_json::json!(figure)),
            Output::Markdown => {}
        }
        if let Some((_, _, figures)) = self.sections.last_mut() {
            figures.push(figure);
        }
    }

    /// Prints what comes last: the tally, or the Markdown.
    pub fn finish(&self, groups: &[String]) {
        match self.output {
            Output::Json => {}
            Output::Table => println!("\n{}", self.tally()),
            Output::Markdown => print!("{}", self.markdown(groups)),
        }
    }

    fn tally(&self) -> String {
        let figures = || self.sections.iter().flat_map(|(_, _, figures)| figures);
        let count = |met| figures().filter(|f| f.met == Some(met)).count();
        let (met, missed) = (count(true), count(false));
        format!("{} figures: {met} aims met, {missed} missed", figures().count())
    }

    fn markdown(&self, groups: &[String]) -> String {
        let command = ["cargo xtask bench", &groups.join(" ")].join(" ");
        let mut text = format!("`{}`\n\n", command.trim_end());
        for (name, value) in machine::facts() {
            text += &format!("* {name}: {value}\n");
        }
        for (group, about, figures) in &self.sections {
            text += &format!("\n## {group}: {about}\n\n");
            text += "| case | ours | reference | ratio | aim | met |\n|---|--:|--:|--:|---|---|\n";
            for figure in figures {
                text += &format!("| {} |\n", cells(figure).join(" | "));
            }
        }
        text + &format!("\n{}\n", self.tally())
    }
}

/// Widths of the table's columns; the last one is open.
const WIDTHS: [usize; 5] = [56, 14, 14, 8, 16];

fn header() -> String {
    aligned(&["case", "ours", "reference", "ratio", "aim", "met"].map(String::from))
}

fn row(figure: &Figure) -> String {
    aligned(&cells(figure))
}

fn aligned(cells: &[String; 6]) -> String {
    let [case, ours, reference, ratio, aim, met] = cells;
    let [a, b, c, d, e] = WIDTHS;
    format!("{case:<a$} {ours:>b$} {reference:>c$} {ratio:>d$}  {aim:<e$} {met}")
}

fn cells(figure: &Figure) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        figure.case.clone(),
        human(figure.ours, figure.unit),
        or_dash(figure.reference.map(|r| human(r, figure.unit))),
        or_dash(figure.ratio.map(|r| format!("{r:.2}"))),
        or_dash(figure.aim.map(|a| a.to_string())),
        or_dash(figure.met.map(|met| if met { "yes" } else { "NO" }.to_owned())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Aim;

    #[test]
    fn rows_show_every_part_of_a_figure() {
        let figure = Figure::versus("read 4 KiB", "ns", 1500.0, 1000.0).aim(Aim::RatioAtMost(1.2));
        let row = row(&figure);
        let words: Vec<&str> = row.split_whitespace().collect();
        let expected = "read 4 KiB 1.50 µs 1.00 µs 1.50 ratio <= 1.2 NO";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn markdown_names_the_machine_the_command_and_the_tally() {
        let mut report = Report::new(Output::Markdown);
        report.begin("rules", "decisions");
        report.add(Figure::alone("not listed", "ns", 12.0).aim(Aim::AtMost(50.0)));
        report.add(Figure::alone("plain", "B", 2048.0));
        let text = report.markdown(&["rules".to_owned()]);
        assert!(text.starts_with("`cargo xtask bench rules`\n"), "{text}");
        assert!(text.contains("* cores: "), "{text}");
        assert!(text.contains("| not listed | 12.0 ns | - | - | ours <= 50 | yes |"), "{text}");
        assert!(text.ends_with("2 figures: 1 aims met, 0 missed\n"), "{text}");
    }
}
