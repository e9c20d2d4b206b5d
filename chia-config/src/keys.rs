//! Every key of a rules file that is read, in the order in which reports list them.

/// The sections, each with the options of its rules.
pub(crate) const OPTIONS: [(&str, &[&str]); 2] = [("bypass", BYPASS), ("cache", CACHE)];

/// The options of a `bypass:` rule.
pub(crate) const BYPASS: &[&str] = &["bypass", "tags", "data", "check", "ignore", "rehearse"];

/// The options of a `cache:` rule.
pub(crate) const CACHE: &[&str] = &["cache", "tags", "tag", "ignore"];

/// The options of `rehearse`.
pub(crate) const REHEARSE: &[&str] = &["pace", "duration", "failures"];

/// The facts that `check` may list.
pub(crate) const CHECK: &[&str] = &["arguments", "version", "code"];
