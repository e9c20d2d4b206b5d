//! One located problem, printed as rustc prints them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::Source;
use crate::Location;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The rules cannot be used.
    Error,
    /// The rules can be used, but are probably not what the author meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One problem: what is wrong, where, and what to do about it.
///
/// Its `Display` form is the report for people: the message, the place, the line with the
/// culprit underlined, and a hint if there is one. It has no newline at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    location: Location,
    /// The file, if the place is in one, and the number of characters to underline.
    source: Option<(Arc<Source>, usize)>,
    help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, message: String, location: Location) -> Self {
        Self { severity, message, location, source: None, help: None }
    }

    /// Underlines `len` characters at the place, if it is in `source`.
    pub(crate) fn with_source(mut self, source: &Arc<Source>, len: usize) -> Self {
        let inside = self.location.file() == source.origin();
        self.source = inside.then(|| (Arc::clone(source), len));
        self
    }

    pub(crate) fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// Whether this is an error or a warning.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one line without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What to do about it, if it is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = normalize_untrusted_str(self.location.file());
        let (line, column) = (self.location.line() as usize, self.location.column() as usize);
        let group = Group::with_title(level.primary_title(self.message.as_str()));
        let text = self.source.as_ref().and_then(|(source, len)| Some((source.line(line)?, *len)));
        let group = match text {
            Some((text, len)) => {
                let mark = AnnotationKind::Primary.span(underlined(text, column, len));
                let snippet = Snippet::source(text).line_start(line).path(path).fold(false);
                group.element(snippet.annotation(mark))
            }
            None => group.element(Origin::path(path).line(line).char_column(column)),
        };
        let help =
            self.help.as_deref().map(|help| Level::HELP.message(normalize_untrusted_str(help)));
        f.write_str(&Renderer::plain().render(&[group.elements(help)]))
    }
}

/// The bytes of `len` characters of a line from a column on; at least one character, if there is
/// one.
fn underlined(line: &str, column: usize, len: usize) -> Range<usize> {
    let rest = line.char_indices().map(|(at, _)| at).skip(column.saturating_sub(1));
    let mut bounds = rest.chain([line.len()]);
    let start = bounds.next().unwrap_or(line.len());
    let end = bounds.nth(len.max(1) - 1).unwrap_or(line.len());
    start..end
}
