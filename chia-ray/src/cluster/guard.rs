//! What ends a cluster when its owner has ended, however that came.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chia_dispatch::Result;

use super::unavailable;

const MODULE: &str = "chia_ray._guard";

/// A process that outlives us by a moment: once its standard input is closed, it ends every process
/// that has the folder in its environment, and removes the folder.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    /// Starts it. What is to be ended has to be started later.
    pub(super) fn start(python: &Path, folder: &Path) -> Result<Self> {
        let failed = || format!("cannot run {MODULE} with {}", python.display());
        let mut process = Command::new(python)
            .args(["-m", MODULE])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| unavailable(&failed()).with_source(error))?;
        let greeted = process.stdout.take().map(|mut output| output.read_exact(&mut [0]));
        match greeted {
            Some(Ok(())) => Ok(Self(process)),
            _ => {
                process.wait().ok();
                Err(unavailable(&format!("{}; is chia-ray installed there?", failed())))
            }
        }
    }

    /// Ends the cluster, and waits until it has ended.
    pub(super) fn end(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}
