//! Tag patterns: Python's `re.fullmatch`, compiled once.

mod emit;
mod error;
mod linear;
mod matcher;
mod python;
mod tag_patterns;

pub use error::PatternError;
pub use tag_patterns::{Pattern, TagMatch, TagPatterns};
