//! The CPythons of this machine that Ray and our wheel support.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The minor versions of Python 3 that are supported, the preferred one first.
const MINORS: [u32; 4] = [11, 12, 13, 10];

/// One interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// 11 for Python 3.11.
    pub(crate) minor: u32,
    /// The program.
    pub(crate) program: PathBuf,
}

/// One interpreter for each supported version that is there, the preferred one first.
pub(crate) fn all() -> Vec<Interpreter> {
    MINORS.into_iter().filter_map(find).collect()
}

/// The interpreter to take when one is enough.
pub(crate) fn preferred() -> anyhow::Result<Interpreter> {
    all().into_iter().next().ok_or_else(|| anyhow::anyhow!("{MISSING}"))
}

/// What to say when there is none.
pub(crate) const MISSING: &str = "no CPython 3.10 to 3.13 on PATH or under pyenv";

fn find(minor: u32) -> Option<Interpreter> {
    let named = [PathBuf::from(format!("python3.{minor}"))];
    let candidates = named.into_iter().chain(pyenv(minor));
    let program = candidates.into_iter().find(|program| works(program, minor))?;
    Some(Interpreter { minor, program })
}

/// Those that pyenv has installed, whether they are switched on or not.
fn pyenv(minor: u32) -> Vec<PathBuf> {
    let home = || Some(Path::new(&std::env::var_os("HOME")?).join(".pyenv"));
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(home);
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let entries = versions.into_iter().flatten().flatten();
    let prefix = format!("3.{minor}.");
    let fits = entries.filter(|e| e.file_name().to_string_lossy().starts_with(&prefix));
    fits.map(|e| e.path().join("bin/python3")).collect()
}

/// Whether it starts (pyenv's shims may not), is that version, and can make an environment.
fn works(program: &Path, minor: u32) -> bool {
    let check =
        format!("import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, {minor}))");
    let mut python = Command::new(program);
    python.args(["-c", &check]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}
