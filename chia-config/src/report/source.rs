//! The text of a configuration file, split into lines for reports.

use std::fmt;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use crate::Location;

/// A stretch of one line: where something starts, and how many characters it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) len: u32,
}

/// A file's name and lines.
#[derive(PartialEq, Eq)]
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

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// A line, by its number from 1.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number.checked_sub(1)?).map(String::as_str)
    }

    pub(crate) fn error(self: &Arc<Self>, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, span, message.into())
    }

    pub(crate) fn warning(self: &Arc<Self>, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Warning, span, message.into())
    }

    fn diagnostic(self: &Arc<Self>, severity: Severity, span: Span, message: String) -> Diagnostic {
        Diagnostic::new(severity, message, self.location(span)).with_source(self, span.len as usize)
    }

    /// The text from the start of `span` to the end of the line.
    pub(crate) fn text_from(&self, span: Span) -> Option<impl Iterator<Item = char>> {
        let line = self.line(span.line as usize)?;
        Some(line.chars().skip(span.column.saturating_sub(1) as usize))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Lines as YAML counts them: ended by LF, CR LF, or a lone CR.
fn split_lines(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n").split(['\n', '\r']).map(str::to_owned).collect()
}
