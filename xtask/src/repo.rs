//! The repository and the tools that work on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// Set for commands that need not build the examples: they are there.
pub(crate) const EXAMPLES_BUILT: &str = "CHIA_EXAMPLES_BUILT";

/// The top folder of the workspace.
pub(crate) fn top() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace's top folder")
}

/// Where builds, logs and environments go.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from)
}

/// The cargo that runs us, in the top folder.
pub(crate) fn cargo() -> Command {
    cargo_in(top())
}

/// The cargo that runs us, in another folder, but with the same target folder.
pub(crate) fn cargo_in(folder: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", target());
    cargo
}

/// Whether `cargo <tool>` is there.
pub(crate) fn has_cargo_tool(tool: &str) -> bool {
    answers(Command::new(format!("cargo-{tool}")).arg(tool))
}

/// Whether there is such a program.
pub(crate) fn has_tool(tool: &str) -> bool {
    answers(&mut Command::new(tool))
}

fn answers(tool: &mut Command) -> bool {
    let version = tool.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// The workspace with all its dependencies.
pub(crate) fn metadata() -> anyhow::Result<Metadata> {
    let mut command = MetadataCommand::new();
    Ok(command.manifest_path(top().join("Cargo.toml")).exec()?)
}

/// The packages of the workspace, in the order of the root manifest.
pub(crate) fn packages() -> anyhow::Result<Vec<Package>> {
    let mut command = MetadataCommand::new();
    let metadata = command.manifest_path(top().join("Cargo.toml")).no_deps().exec()?;
    Ok(metadata.workspace_packages().into_iter().cloned().collect())
}

/// Whether users can get it from the registry.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

/// Name and version of each line of `cargo tree --prefix none`.
pub(crate) fn tree_packages(tree: &str) -> impl Iterator<Item = (&str, &str)> {
    tree.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?.strip_prefix('v')?))
    })
}
