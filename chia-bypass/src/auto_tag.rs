//! Tags for calls without one, computed from their arguments.

use chia_config::Config;
use twox_hash::XxHash3_128;

use crate::{Digest, Fingerprint};

/// The tag of a call that has none (`tag: auto`): the same for the same function, version and
/// arguments, in every process and on every machine, and another for any others.
///
/// `arguments` are the hashes of the encoded arguments, without ignored ones.
///
/// ```
/// use chia_bypass::{Digest, auto_tag};
///
/// let tag = |seed: &[u8]| auto_tag("simulate", Some("2"), &[Digest::of(seed)]);
/// assert!(tag(b"3").starts_with("auto:simulate:"));
/// assert_eq!(tag(b"3"), tag(b"3"));
/// assert_ne!(tag(b"3"), tag(b"4"));
/// ```
pub fn auto_tag(function: &str, version: Option<&str>, arguments: &[Digest]) -> String {
    let mut hash = XxHash3_128::new();
    // Every field comes with its length, so that no two calls are the same bytes.
    let mut text = |text: &str| {
        hash.write(&(text.len() as u64).to_le_bytes());
        hash.write(text.as_bytes());
    };
    text(function);
    text(version.unwrap_or_default());
    hash.write(&[u8::from(version.is_some())]);
    for Digest(argument) in arguments {
        hash.write(&argument.to_le_bytes());
    }
    format!("auto:{function}:{:032x}", hash.finish_128())
}

impl Fingerprint {
    /// The tag of a call of `function` that has none, as [`auto_tag`] makes it. Arguments that the rules
    /// ignore do not count.
    pub fn auto_tag(&self, function: &str, config: &Config) -> String {
        let compared = self.arguments.iter().enumerate().filter(|(index, print)| {
            !config.ignored(function).any(|ignored| ignored.is(index + 1, print.name.as_deref()))
        });
        let hashes: Vec<Digest> = compared.map(|(_, print)| print.hash).collect();
        auto_tag(function, self.version.as_deref(), &hashes)
    }
}
