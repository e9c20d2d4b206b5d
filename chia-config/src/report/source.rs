//! The text of a configuration file, cut into lines for reports.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity, Snippet};
use crate::Location;

/// Reports show at most this many characters of a line.
const WINDOW: usize = 120;

/// A stretch of one line: where something starts, and how many characters it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) len: u32,
}

/// A file's name and lines.
#[derive(Debug)]
pub(crate) struct Source {
    origin: Arc<str>,
    lines: Vec<String>,
}

impl Source {
    pub(crate) fn new(origin: &str, text: &str) -> Self {
        Self { origin: origin.into(), lines: split_lines(text) }
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        Location::new(self.origin.clone(), span.line, span.column)
    }

    pub(crate) fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, span, message.into())
    }

    pub(crate) fn warning(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Warning, span, message.into())
    }

    /// The line at `location` with `len` characters underlined, if it is of this file.
    pub(crate) fn snippet_at(&self, location: &Location, len: usize) -> Option<Snippet> {
        let (line, column) = (location.line(), location.column());
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        (*location.file() == *self.origin).then(|| self.snippet(Span { line, column, len }))?
    }

    fn diagnostic(&self, severity: Severity, span: Span, message: String) -> Diagnostic {
        let location = self.location(span);
        Diagnostic::new(severity, message, location).with_snippet(self.snippet(span))
    }

    /// What stands at `span`, from its start to the end of the line.
    pub(crate) fn text_from(&self, span: Span) -> Option<impl Iterator<Item = char>> {
        let line = self.lines.get(span.line.checked_sub(1)? as usize)?;
        Some(line.chars().skip(span.column.saturating_sub(1) as usize))
    }

    /// The line of `span` with what to underline; long lines are cut around it.
    fn snippet(&self, span: Span) -> Option<Snippet> {
        let line = self.lines.get(span.line.checked_sub(1)? as usize)?;
        let start = span.column.saturating_sub(1) as usize;
        let skipped = if start < WINDOW * 2 / 3 { 0 } else { start - WINDOW / 3 };
        let shown: String = line.chars().skip(skipped).take(WINDOW).collect();
        let room = shown.chars().count().saturating_sub(start - skipped);
        Some(Snippet {
            text: shown,
            start: start - skipped,
            len: (span.len as usize).min(room).max(1),
        })
    }
}

/// Lines as YAML counts them: ended by LF, CR LF, or a lone CR.
fn split_lines(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n").split(['\n', '\r']).map(str::to_owned).collect()
}
