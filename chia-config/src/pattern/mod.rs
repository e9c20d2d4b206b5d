//! Tag patterns: Python's `re.fullmatch`, compiled once.

mod error;
mod tag_patterns;

pub use error::PatternError;
pub use tag_patterns::{Pattern, TagMatch, TagPatterns};
