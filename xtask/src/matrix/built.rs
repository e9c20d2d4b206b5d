//! The tests of all crates, built once. Cargo compiles a dependency anew for each selection of packages
//! that asks for other features of it; so there is one selection, and its programs are run directly.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::ensure;
use cargo_metadata::Message;

use super::cell::Verdict;
use crate::repo;
use crate::shell::Shell;

/// A program that runs tests of one target.
#[derive(Clone, Debug)]
pub(crate) struct Suite {
    /// The crate.
    pub(crate) package: String,
    /// The name of the target.
    pub(crate) target: String,
    program: PathBuf,
    folder: PathBuf,
}

static BUILT: Mutex<Option<Vec<Suite>>> = Mutex::new(None);

/// Whether everything is built.
pub(crate) fn is_done() -> bool {
    BUILT.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// The tests of all crates; the first one who asks builds them.
pub(crate) fn suites(shell: &Shell) -> anyhow::Result<Vec<Suite>> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(suites) = &*built {
        return Ok(suites.clone());
    }
    let args = ["test", "--workspace", "--all-features", "--no-run"];
    let mut cargo = repo::cargo();
    let text = shell.output(cargo.args(args).arg("--message-format=json-render-diagnostics"))?;
    let suites = parse(&text)?;
    *built = Some(suites.clone());
    Ok(suites)
}

fn parse(text: &str) -> anyhow::Result<Vec<Suite>> {
    let packages = repo::packages()?;
    let mut suites = Vec::new();
    for message in Message::parse_stream(text.as_bytes()) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let package = packages.iter().find(|package| package.id == artifact.package_id);
        let folder = package.and_then(|package| package.manifest_path.parent());
        let (Some(package), Some(folder)) = (package, folder) else { continue };
        if let (true, Some(program)) = (artifact.profile.test, artifact.executable) {
            suites.push(Suite {
                package: package.name.to_string(),
                target: artifact.target.name,
                program: program.into(),
                folder: folder.into(),
            });
        }
    }
    Ok(suites)
}

/// Runs those of the suites that `select` names, all of them even if one fails. A cell in which no
/// test ran has failed.
pub(crate) fn run(
    shell: &Shell,
    select: impl Fn(&Suite) -> bool,
    env: &[(&str, PathBuf)],
) -> anyhow::Result<Verdict> {
    let mut failed = Vec::new();
    for suite in suites(shell)?.iter().filter(|suite| select(suite)) {
        let mut command = Command::new(&suite.program);
        command.current_dir(&suite.folder).env("CARGO_MANIFEST_DIR", &suite.folder);
        // Many tests expect panics: a line for each is enough.
        command.env("RUST_BACKTRACE", "0");
        command.envs(env.iter().map(|(name, value)| (name, value)));
        if shell.run(&mut command).is_err() {
            failed.push(suite.target.clone());
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    super::rust::counted(&shell.text())
}
