//! The first line of a record.

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What a run is: who started it, when, where, under which rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunHeader {
    /// The version of the format, [`FORMAT`](crate::FORMAT) in what this crate writes.
    pub format: u32,
    /// The run's id: 12 hexadecimal digits.
    pub id: String,
    /// When the run started, in UTC (RFC 3339).
    pub started: String,
    /// The name of the program or loop.
    pub program: String,
    /// The process of the driver.
    pub pid: u32,
    /// The machine of the driver.
    pub host: String,
    /// The directory of the cache, if the loop has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// The mode of the run, unless it goes by its rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The rules of the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleInfo>,
    /// The nodes that the backend had at the start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeInfo>,
}

/// A rule, as the header lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleInfo {
    /// `bypass` or `cache`.
    pub section: String,
    /// The function that it is for.
    #[serde(rename = "fn")]
    pub function: String,
    /// Its place, `file:line:column`.
    pub at: String,
    /// Whether it is switched on.
    pub on: bool,
    /// Its tag patterns, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

impl RuleInfo {
    /// A rule of the section `bypass` or `cache`, at `file:line:column`, with its tag patterns if it has any.
    pub fn new(
        section: impl Into<String>,
        function: impl Into<String>,
        at: impl ToString,
        on: bool,
        tags: Option<impl IntoIterator<Item = impl Into<String>>>,
    ) -> Self {
        Self {
            section: section.into(),
            function: function.into(),
            at: at.to_string(),
            on,
            tags: tags.map(|tags| tags.into_iter().map(Into::into).collect()),
        }
    }
}

/// A node, as the header lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeInfo {
    /// Its id, as the lines of ended calls name it.
    pub name: String,
    /// What it has to give, such as `cpu=8 gpu=1`.
    #[serde(rename = "res")]
    pub resources: String,
}

impl RunHeader {
    /// The header of a run of `program` that starts now, in this process, with a fresh id.
    #[must_use]
    pub fn new(program: impl Into<String>) -> Self {
        let now = SystemTime::now();
        Self {
            format: crate::FORMAT,
            id: fresh_id(now),
            started: crate::time::rfc3339(now),
            program: program.into(),
            pid: std::process::id(),
            host: host(),
            ..Self::default()
        }
    }

    /// The id that the run has elsewhere: 12 hexadecimal digits, which no other run has.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Adds the cache's directory.
    #[must_use]
    pub fn cache(mut self, dir: &Path) -> Self {
        self.cache = Some(dir.display().to_string());
        self
    }

    /// Adds the mode.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<String>) -> Self {
        self.mode = Some(mode.into());
        self
    }

    /// Adds the rules.
    #[must_use]
    pub fn rules(mut self, rules: Vec<RuleInfo>) -> Self {
        self.rules = rules;
        self
    }

    /// Adds the nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: Vec<NodeInfo>) -> Self {
        self.nodes = nodes;
        self
    }
}

/// An id that no other run has: `RandomState` is seeded by the operating system once a process, and
/// counts on.
fn fresh_id(now: SystemTime) -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write(crate::time::compact(now).as_bytes());
    format!("{:012x}", hasher.finish() >> 16)
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
