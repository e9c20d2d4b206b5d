//! Located problems of a file, and the error that carries all of them.

mod diagnostic;
mod error;
mod source;

pub use diagnostic::{Diagnostic, Severity};
pub use error::{ConfigError, ErrorKind};
pub(crate) use source::{Source, Span};
