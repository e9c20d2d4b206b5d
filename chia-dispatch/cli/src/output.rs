//! Tables and JSON on the standard output: colours and width follow the terminal.

use std::io::{self, IsTerminal, Stdout, Write};

use serde::Serialize;

use crate::args::Color;
use crate::error::Result;

/// A colour, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Head,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    /// Numbers are aligned to the right.
    pub(crate) number: bool,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: printable(&text.into()), tone: Tone::Plain, number: false }
    }

    pub(crate) fn number(text: impl ToString) -> Self {
        Self { text: text.to_string(), tone: Tone::Plain, number: true }
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// Text from disk may hold anything; control characters would reach the terminal.
pub(crate) fn printable(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.escape_debug().to_string()
    } else {
        text.to_owned()
    }
}

/// Where a command prints.
#[derive(Debug)]
pub(crate) struct Output {
    out: io::BufWriter<Stdout>,
    pub(crate) json: bool,
    color: bool,
    /// The columns of the terminal; `None`: what is printed is not cut.
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new(json: bool, color: Color) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let columns = rustix::termios::tcgetwinsize(&stdout).ok();
        let columns = columns.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            out: io::BufWriter::new(stdout),
            json,
            color: match color {
                Color::Auto => terminal && wanted,
                Color::Always => true,
                Color::Never => false,
            },
            width: if terminal { Some(columns.unwrap_or(80)) } else { None },
        }
    }

    /// Whether a wide table has to leave columns out.
    pub(crate) fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < 110)
    }

    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> Result<()> {
        Ok(writeln!(self.out, "{}", text.as_ref())?)
    }

    /// One JSON object on a line of its own.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        Ok(self.out.write_all(b"\n")?)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    /// A table with a heading. On a terminal the widest columns give way, so that no row wraps.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<Cell>]) -> Result<()> {
        self.print(head, rows, true)
    }

    /// More rows of a table.
    pub(crate) fn rows(&mut self, head: &[&str], rows: &[Vec<Cell>]) -> Result<()> {
        self.print(head, rows, false)
    }

    fn print(&mut self, head: &[&str], rows: &[Vec<Cell>], with_head: bool) -> Result<()> {
        let numbers = |at: usize| rows.first().is_some_and(|row| row[at].number);
        let head: Vec<Cell> = head
            .iter()
            .enumerate()
            .map(|(at, text)| Cell {
                text: (*text).to_owned(),
                tone: Tone::Head,
                number: numbers(at),
            })
            .collect();
        let mut widths: Vec<usize> = head.iter().map(|cell| count(&cell.text)).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(count(&cell.text));
            }
        }
        self.fit(&mut widths);
        if with_head {
            self.row(&head, &widths)?;
        }
        rows.iter().try_for_each(|row| self.row(row, &widths))
    }

    /// Takes what is too much from the widest columns.
    fn fit(&self, widths: &mut [usize]) {
        let Some(limit) = self.width else { return };
        loop {
            let total: usize = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
            let Some(widest) = widths.iter_mut().max() else { return };
            if total <= limit || *widest <= 8 {
                return;
            }
            *widest -= (total - limit).min(*widest - 8).max(1).min((*widest / 8).max(1));
        }
    }

    fn row(&mut self, row: &[Cell], widths: &[usize]) -> Result<()> {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let text = cut(&cell.text, *width);
            let pad = " ".repeat(width.saturating_sub(count(&text)));
            let last = at + 1 == row.len();
            let (before, after) = match (cell.number, last) {
                (true, _) => (pad.as_str(), ""),
                (false, true) => ("", ""),
                (false, false) => ("", pad.as_str()),
            };
            line += &format!("{before}{}{after}", self.paint(&text, cell.tone));
            if !last {
                line += "  ";
            }
        }
        self.line(line.trim_end())
    }

    pub(crate) fn paint(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            _ if !self.color => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Head => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, width: usize) -> String {
    if count(text) <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{head}…")
}
