//! Tree → rules, with every problem of the file collected on the way.

mod entry;
mod load;
mod options;
mod rehearse;
mod section;
mod tags;

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};

use crate::report::{ConfigError, Diagnostic, Source, Span};
use crate::yaml::{Kind, Merger, Node};
use crate::{Config, PatternError, TagPatterns};

/// Checks the tree and compiles its rules; with `looks_at_files`, warns about `data:` files
/// that are missing.
fn rules(
    root: Option<&Node>,
    source: Arc<Source>,
    base_dir: &Path,
    looks_at_files: bool,
) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(&source, base_dir, looks_at_files);
    let mut config = Config::default();
    if let Some(root) = root {
        reader.top(root, &mut config);
    }
    let Reader { mut problems, mut warnings, .. } = reader;
    let by_place = |d: &Diagnostic| (d.location().line(), d.location().column());
    if !problems.is_empty() {
        problems.append(&mut warnings);
        problems.sort_by_key(by_place);
        return Err(ConfigError::invalid(problems));
    }
    warnings.sort_by_key(by_place);
    config.warnings = warnings;
    config.source = Some(source);
    Ok(config)
}

/// The state of reading one file.
struct Reader<'s> {
    source: &'s Arc<Source>,
    base_dir: &'s Path,
    looks_at_files: bool,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    merger: Merger<'s>,
    /// Compiled `tags:` by node, so that an alias costs nothing and is reported once.
    compiled: HashMap<*const Node, Option<TagPatterns>>,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Arc<Source>, base_dir: &'s Path, looks_at_files: bool) -> Self {
        Self {
            source,
            base_dir,
            looks_at_files,
            problems: Vec::new(),
            warnings: Vec::new(),
            merger: Merger::new(source),
            compiled: HashMap::new(),
        }
    }

    fn error(&mut self, node: &Node, message: impl Into<String>, help: Option<String>) {
        let problem = self.source.error(node.span, message).with_help(help);
        self.problems.push(problem);
    }

    fn warn(&mut self, node: &Node, message: impl Into<String>, help: Option<String>) {
        let warning = self.source.warning(node.span, message).with_help(help);
        self.warnings.push(warning);
    }
}
