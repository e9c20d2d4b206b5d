//! One located problem, printed the way rustc prints them.

use std::fmt;

use crate::Location;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The rules cannot be used.
    Error,
    /// The rules can be used, but probably do not say what was meant.
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

/// A piece of a source line and the part of it to underline, in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snippet {
    pub(crate) text: String,
    pub(crate) start: usize,
    pub(crate) len: usize,
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
    snippet: Option<Snippet>,
    help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, message: String, location: Location) -> Self {
        Self { severity, message, location, snippet: None, help: None }
    }

    pub(crate) fn with_snippet(mut self, snippet: Option<Snippet>) -> Self {
        self.snippet = snippet;
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
        let number = self.location.line().to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{}: {}", self.severity, printable(&self.message))?;
        write!(f, "{margin}--> {}", self.location)?;
        if let Some(snippet) = &self.snippet {
            let (text, pad) = (printable(&snippet.text), padding(snippet));
            let carets = "^".repeat(snippet.len);
            write!(f, "\n{margin} |\n{number} | {text}\n{margin} | {pad}{carets}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{margin} = help: {}", printable(help))?;
        }
        Ok(())
    }
}

/// Keeps control characters of a hostile file out of the reader's terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() && c != '\t' { '\u{fffd}' } else { c }
    };
    text.chars().map(shown).collect()
}

/// White space as wide as what stands before the underlined part, tabs kept.
fn padding(snippet: &Snippet) -> String {
    let blank = |c| if c == '\t' { '\t' } else { ' ' };
    snippet.text.chars().take(snippet.start).map(blank).collect()
}
