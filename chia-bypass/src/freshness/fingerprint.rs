//! The facts of one call that decide whether a recorded result still answers it.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A value is part of a fingerprint up to this many characters; of a longer one there are
/// only the hash and the size.
pub const MAX_VALUE_CHARS: usize = 64;

/// The facts of one call: recorded with its result, and compared with those of a later call.
///
/// ```
/// use chia_bypass::{ArgumentPrint, Fingerprint};
///
/// let seed = ArgumentPrint::of(b"\x80\x05K\x03.").named("seed").with_value("3");
/// let print = Fingerprint { arguments: vec![seed], ..Fingerprint::default() };
/// assert_eq!(print.version, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The version that the function declares.
    pub version: Option<String>,
    /// A hash of the function's source, where the caller's language has it.
    pub code: Option<Digest>,
    /// The arguments, in order.
    pub arguments: Vec<ArgumentPrint>,
}

/// The facts of one argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgumentPrint {
    /// The parameter's name, where it is known.
    pub name: Option<String>,
    /// The hash of the encoded argument.
    pub hash: Digest,
    /// The size of the encoded argument, in bytes.
    pub len: u64,
    /// The argument as people write it, if that is at most [`MAX_VALUE_CHARS`] characters.
    pub value: Option<String>,
}

impl ArgumentPrint {
    /// The facts of an encoded argument, without name and value.
    pub fn of(encoded: &[u8]) -> Self {
        Self { name: None, hash: Digest::of(encoded), len: encoded.len() as u64, value: None }
    }

    /// Adds the parameter's name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds the argument as people write it; a text longer than [`MAX_VALUE_CHARS`] characters
    /// is left out.
    pub fn with_value(mut self, value: impl Into<String>) -> Self {
        let value = value.into();
        let short = value.chars().nth(MAX_VALUE_CHARS).is_none();
        self.value = short.then_some(value);
        self
    }
}
