//! The repository and the tools that work on it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// The top folder of the workspace.
pub(crate) fn top() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace's top folder")
}

/// The cargo that runs us, in the top folder.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(top());
    cargo
}

/// Runs a command to its end; anything but success is an error that shows the command.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{status}: {command:?}");
    Ok(())
}
