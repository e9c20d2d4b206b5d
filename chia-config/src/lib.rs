#![doc = include_str!("../README.md")]

mod builder;
mod check;
mod compare;
mod config;
mod fingerprint;
mod keys;
mod location;
mod names;
mod pattern;
mod read;
mod report;
mod rule;
mod yaml;

pub use builder::ConfigBuilder;
pub use compare::{Argument, ArgumentKey, Check};
pub use config::Config;
pub use location::Location;
pub use names::bare_name;
pub use pattern::{Pattern, PatternError, TagMatch, TagPatterns};
pub use report::{ConfigError, Diagnostic, ErrorKind, Severity};
pub use rule::{BypassDetails, BypassRule, CacheDetails, CacheRule, Rule};
