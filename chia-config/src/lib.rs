#![doc = include_str!("../README.md")]

mod builder;
mod check;
mod config;
mod fingerprint;
mod location;
mod names;
mod pattern;
mod read;
mod report;
mod rule;
mod yaml;

pub use builder::ConfigBuilder;
pub use config::Config;
pub use location::Location;
pub use names::bare_name;
pub use pattern::{Pattern, PatternError, TagMatch, TagPatterns};
pub use report::{ConfigError, Diagnostic, ErrorKind, Severity};
pub use rule::{BypassRule, CacheRule, Data, Rule};
