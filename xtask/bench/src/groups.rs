//! The table of groups. A new group is a module and one line here.

use crate::dispatch;
use crate::report::Report;

/// A set of figures that are measured and read together.
pub struct Group {
    /// What is typed after `cargo xtask bench`.
    pub name: &'static str,
    /// One line for the heading.
    pub about: &'static str,
    /// Measures and adds the figures.
    pub run: fn(&mut Report) -> anyhow::Result<()>,
}

/// Every group, in the order in which they run.
pub const GROUPS: &[Group] = &[Group {
    name: "dispatch",
    about: "a call on the in-process backend, beside a bare tokio::spawn",
    run: dispatch::run,
}];
