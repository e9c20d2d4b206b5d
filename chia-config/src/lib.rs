#![doc = include_str!("../README.md")]

mod builder;
mod check;
mod compare;
mod config;
mod fingerprint;
mod keys;
mod location;
mod names;
mod read;
mod rehearsal;
mod report;
mod rule;
mod tag_patterns;
mod yaml;

pub use builder::ConfigBuilder;
pub use chia_fullmatch::PatternError;
pub use compare::{Argument, ArgumentKey, Check};
pub use config::Config;
pub use location::Location;
pub use names::bare_name;
pub use rehearsal::{Failures, Rehearsal};
pub use report::{ConfigError, Diagnostic, ErrorKind, Severity};
pub use rule::{BypassDetails, BypassRule, CacheDetails, CacheRule, Rule};
pub use tag_patterns::{Pattern, TagMatch, TagPatterns};
