//! One fact that is not as it was recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ArgumentPrint, Digest};

/// One fact of a call that differs from the record of its result.
///
/// `Display` is a sentence for people, such as ``argument 2 `seed` was 3, is 4``.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// An argument has another value.
    Argument {
        /// Its position in the call, from 1.
        position: usize,
        /// As it was recorded.
        was: ArgumentPrint,
        /// As it is.
        is: ArgumentPrint,
    },
    /// The call has an argument that the record has not.
    NewArgument {
        /// Its position in the call, from 1.
        position: usize,
        /// As it is.
        is: ArgumentPrint,
    },
    /// The record has an argument that the call has not.
    LostArgument {
        /// Its position in the recorded call, from 1.
        position: usize,
        /// As it was recorded.
        was: ArgumentPrint,
    },
    /// The function declares another version.
    Version {
        /// As it was recorded.
        was: Option<String>,
        /// As it is.
        is: Option<String>,
    },
    /// The function's source code is another.
    Code {
        /// As it was recorded; `None` if it was not.
        was: Option<Digest>,
        /// As it is.
        is: Digest,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument { position, was, is } => {
                let (was_text, is_text) = values(was, is);
                let label = Label(*position, is.name.as_deref().or(was.name.as_deref()));
                write!(f, "{label} was {was_text}, is {is_text}")
            }
            Self::NewArgument { position, is } => {
                let label = Label(*position, is.name.as_deref());
                write!(f, "{label} is new: {}", value(is))
            }
            Self::LostArgument { position, was } => {
                let label = Label(*position, was.name.as_deref());
                write!(f, "{label} is gone, was {}", value(was))
            }
            Self::Version { was, is } => {
                write!(f, "the version was {}, is {}", version(was), version(is))
            }
            Self::Code { was: None, .. } => f.write_str("its code was not recorded"),
            Self::Code { was: Some(_), .. } => f.write_str("its code has changed"),
        }
    }
}

/// A parameter, by its position and, where known, its name.
struct Label<'a>(usize, Option<&'a str>);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argument {}", self.0)?;
        match self.1 {
            Some(name) => write!(f, " `{}`", name.escape_debug()),
            None => Ok(()),
        }
    }
}

/// Both values as text; as hashes if one is too long, or if they read alike.
fn values(was: &ArgumentPrint, is: &ArgumentPrint) -> (String, String) {
    match (&was.value, &is.value) {
        (Some(was), Some(is)) if was != is => (printable(was), printable(is)),
        _ => (hash(was), hash(is)),
    }
}

fn value(print: &ArgumentPrint) -> String {
    print.value.as_deref().map_or_else(|| hash(print), printable)
}

fn hash(print: &ArgumentPrint) -> String {
    format!("{} ({} bytes)", print.hash, print.len)
}

fn version(version: &Option<String>) -> String {
    version.as_deref().map_or_else(|| "none".to_owned(), |text| format!("`{}`", printable(text)))
}

/// Replaces control characters, which could change the reader's terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
