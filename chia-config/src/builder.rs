//! Rules built in code.

use crate::{BypassRule, CacheRule, Config};

/// Collects rules in code; see [`Config::builder`].
///
/// ```
/// use chia_config::{BypassRule, CacheRule, Config};
///
/// let config = Config::builder()
///     .bypass("simulate", BypassRule::on().with_tags(["iter0_.*"])?)
///     .cache("simulate", CacheRule::on())
///     .build();
/// assert!(config.bypass("simulate").is_some());
/// # Ok::<(), chia_config::PatternError>(())
/// ```
#[derive(Debug, Default)]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// Sets the bypass rule of a function; the last one counts.
    pub fn bypass(mut self, function: impl Into<String>, rule: BypassRule) -> Self {
        self.config.bypass.insert(function.into(), rule);
        self
    }

    /// Sets the cache rule of a function; the last one counts.
    pub fn cache(mut self, function: impl Into<String>, rule: CacheRule) -> Self {
        self.config.cache.insert(function.into(), rule);
        self
    }

    /// The finished rules.
    pub fn build(self) -> Config {
        self.config
    }
}

impl Config {
    /// Starts rules that are built in code.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }
}
