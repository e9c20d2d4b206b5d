//! Files and texts → rules.

use std::fs;
use std::path;
use std::string::FromUtf8Error;

use super::*;
use crate::yaml;

impl Config {
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
            Err(error) => Err(not_utf8(&error, &origin)),
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
        rules(root.as_deref(), source, &base, looks_at_files)
    }
}

/// The error for a file that is not text.
fn not_utf8(error: &FromUtf8Error, origin: &str) -> ConfigError {
    let good = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(&error.as_bytes()[..good]);
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", &text));
    let line = if before.is_empty() && last.len() == text.len() {
        1
    } else {
        before.split('\n').count() + 1
    };
    let column = last.chars().count() + 1;
    let whole = String::from_utf8_lossy(error.as_bytes());
    let narrow = |n| u32::try_from(n).unwrap_or(u32::MAX);
    let span = Span { line: narrow(line), column: narrow(column), len: 1 };
    let problem = Arc::new(Source::new(origin, &whole)).error(span, "the file is not UTF-8 text");
    ConfigError::invalid(vec![problem])
}
