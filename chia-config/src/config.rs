//! The rules of one loop.

use std::collections::BTreeMap;
use std::fs;
use std::path::{self, Path};
use std::sync::Arc;

use foldhash::HashMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::report::{ConfigError, Diagnostic, Source};
use crate::{Argument, BypassRule, CacheRule, ConfigBuilder, check, read, yaml};

/// The rules of one loop, checked and compiled. Immutable, so share it in an `Arc`.
///
/// Serialising keeps the rules, in the order of their names, and the places where they were
/// written; deserialising compiles the patterns again. Warnings and the file's text are not
/// serialised.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Config {
    #[serde(serialize_with = "sorted")]
    pub(crate) bypass: HashMap<String, BypassRule>,
    #[serde(serialize_with = "sorted")]
    pub(crate) cache: HashMap<String, CacheRule>,
    #[serde(skip)]
    pub(crate) warnings: Vec<Diagnostic>,
    #[serde(skip)]
    pub(crate) source: Option<Arc<Source>>,
}

impl Config {
    /// No rules: every call runs, nothing is kept.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Starts rules that are built in code.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Reads the rules of a YAML file. Relative `data:` paths are relative to its folder,
    /// and come out absolute; a file that does not exist is a warning.
    ///
    /// # Errors
    /// The file cannot be read, or is wrong: then the error reports every problem in it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let io_error = |source| ConfigError::io(path.to_path_buf(), source);
        let bytes = fs::read(path).map_err(io_error)?;
        let base = path::absolute(path).map_err(io_error)?;
        let base = base.parent().unwrap_or(Path::new("/"));
        let origin = path.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => Self::read(&text, &origin, base, true),
            Err(error) => Err(read::not_utf8(&error, &origin)),
        }
    }

    /// Reads rules from YAML text. `origin` names the text in reports; relative `data:`
    /// paths are relative to `base_dir`. Looks at no file.
    ///
    /// # Errors
    /// Every problem in the text.
    pub fn parse(
        text: &str,
        origin: &str,
        base_dir: impl AsRef<Path>,
    ) -> Result<Self, ConfigError> {
        Self::read(text, origin, base_dir.as_ref(), false)
    }

    fn read(
        text: &str,
        origin: &str,
        base_dir: &Path,
        looks_at_files: bool,
    ) -> Result<Self, ConfigError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Arc::new(Source::new(origin, text));
        let root = yaml::parse(text, &source).map_err(|error| ConfigError::invalid(vec![error]))?;
        let base = path::absolute(base_dir).unwrap_or_else(|_| base_dir.to_owned());
        read::rules(root.as_deref(), source, &base, looks_at_files)
    }

    /// The `bypass:` rule of a function, on or off.
    ///
    /// The rule of `Type.method` is the one under that name, else the one under `method`.
    #[inline]
    pub fn bypass(&self, function: &str) -> Option<&BypassRule> {
        lookup(&self.bypass, function)
    }

    /// The `cache:` rule of a function, on or off; names as for [`bypass`](Self::bypass).
    #[inline]
    pub fn cache(&self, function: &str) -> Option<&CacheRule> {
        lookup(&self.cache, function)
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.bypass.is_empty() && self.cache.is_empty()
    }

    /// What is allowed but probably not meant: a section called almost `bypass`, options of a
    /// rule that is off, an empty list of patterns, a `data:` file that does not exist.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// One warning for each name with a rule that none of the `registered` functions has,
    /// with the nearest name that one has. `Type.method` is known by `method` as well.
    pub fn check_names<'a>(
        &self,
        registered: impl IntoIterator<Item = &'a str>,
    ) -> Vec<Diagnostic> {
        check::names(self, registered)
    }

    /// Every bypass rule with the name it stands under, in no particular order.
    pub fn bypass_rules(&self) -> impl Iterator<Item = (&str, &BypassRule)> {
        self.bypass.iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// Every cache rule with the name it stands under, in no particular order.
    pub fn cache_rules(&self) -> impl Iterator<Item = (&str, &CacheRule)> {
        self.cache.iter().map(|(name, rule)| (name.as_str(), rule))
    }

    /// The parameters of a function that its rules ignore: those of its `bypass:` rule and
    /// those of its `cache:` rule. They count in no comparison and in no tag made from
    /// arguments.
    pub fn ignored(&self, function: &str) -> impl Iterator<Item = &Argument> {
        let bypass = self.bypass(function).map_or(&[][..], BypassRule::ignored);
        bypass.iter().chain(self.cache(function).map_or(&[][..], CacheRule::ignored))
    }

    /// One warning for each parameter that the rules of `function` ignore and that it does not
    /// have. `parameters` are the function's own, in order, with their names where they are
    /// known; a rule that names a parameter is not checked against unnamed ones.
    pub fn check_arguments(&self, function: &str, parameters: &[Option<&str>]) -> Vec<Diagnostic> {
        check::arguments(self, function, parameters)
    }

    /// Every function with a `data:` file and that file: all that may ever
    /// be served. Rules that are off name no file here.
    pub fn data_paths(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.bypass_rules()
            .filter(|(_, rule)| rule.enabled())
            .filter_map(|(name, rule)| Some((name, rule.data()?)))
    }
}

/// The entry of `Type.method`, else that of `method`.
#[inline]
fn lookup<'r, R>(rules: &'r HashMap<String, R>, function: &str) -> Option<&'r R> {
    if rules.is_empty() {
        return None;
    }
    rules.get(function).or_else(|| rules.get(crate::bare_name(function)?))
}

/// The same rules are the same bytes, whatever the order of a hash map.
fn sorted<S: Serializer, R: Serialize>(
    rules: &HashMap<String, R>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(rules.iter().collect::<BTreeMap<_, _>>())
}
