//! One Ray cluster for the whole demo.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};

use super::stage;
use crate::{ray, repo, scratch};

/// How long a cluster may take to stop.
pub(super) const STOP: Duration = Duration::from_secs(20);

/// Starts a cluster and gives back its address; it ends with the demo.
pub(super) fn start(python: &Path) -> anyhow::Result<PathBuf> {
    let log = scratch::make()?.join("cluster.log");
    let mut command = stage::command(&repo::target().join("debug/examples/cluster"));
    command.env("CHIA_RAY_PYTHON", python).stdout(Stdio::piped()).stderr(File::create(&log)?);
    let mut process = stage::spawn(&mut command)?;
    let stdout = process.stdout.take().context("stdout is a pipe")?;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(address) = line.strip_prefix(ray::ADDRESS) {
            return Ok(address.into());
        }
    }
    stage::finish(&mut process)?;
    bail!("the cluster does not start: {}", std::fs::read_to_string(log)?.trim_end());
}
