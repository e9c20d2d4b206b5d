//! The Python process that stands between a Rust driver and Ray.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chia_dispatch::{Error, ErrorKind, Result};
use chia_wire::Client;
use serde_json::json;

use crate::options::RayOptions;

/// The bridge gives up by itself before this, with a better sentence.
const GREETING: Duration = Duration::from_secs(60);
/// A private cluster takes this long to stop, at most.
const FAREWELL: Duration = Duration::from_secs(20);

const MODULE: &str = "chia_ray._bridge";

/// The bridge's process. It ends by itself when its client goes away; dropping this only waits for
/// it, on a thread of its own, so that it does not stay behind as a zombie.
pub(crate) struct Bridge(Option<Child>);

impl Drop for Bridge {
    fn drop(&mut self) {
        let Some(child) = self.0.take() else { return };
        let wait = std::thread::Builder::new().name("chia-ray-end".into());
        // Without a thread nobody can wait, and the process is a zombie until this one ends.
        wait.spawn(move || wait_or_kill(child)).ok();
    }
}

/// Waits for a process to end, and kills it if it does not.
fn wait_or_kill(mut child: Child) {
    let start = Instant::now();
    while let Ok(None) = child.try_wait() {
        if start.elapsed() > FAREWELL {
            child.kill().ok();
            child.wait().ok();
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a bridge and connects to the backend behind it. Blocks until Ray is there, or is not.
pub(crate) fn start(options: &RayOptions) -> Result<(Bridge, Client)> {
    let io = |error| Error::new(ErrorKind::Io, "cannot make a socket").with_source(error);
    let (ours, theirs) = UnixStream::pair().map_err(io)?;
    let process = Command::new(&options.python)
        .args(["-m", MODULE, &config(options)])
        .stdin(OwnedFd::from(theirs))
        // Ctrl-C is the driver's: it ends the bridge by going away.
        .process_group(0)
        .spawn()
        .map_err(|error| no_python(&options.python, error))?;
    let bridge = Bridge(Some(process));
    let program = std::env::args().next().unwrap_or_default();
    match Client::connect(ours, &program, GREETING) {
        Ok(client) => Ok((bridge, client)),
        Err(error) => Err(bridge.why_not(&options.python).unwrap_or(error)),
    }
}

fn config(options: &RayOptions) -> String {
    let resources = options.own.as_ref().map(|own| {
        let amounts: BTreeMap<_, _> =
            own.iter().map(|(name, amount)| (name, amount.get())).collect();
        json!({ "resources": amounts })
    });
    // The file as it was started, also when it has been rebuilt since.
    let program = options.program.clone();
    let program =
        program.unwrap_or_else(|| PathBuf::from(format!("/proc/{}/exe", std::process::id())));
    json!({
        "address": options.address,
        "namespace": options.namespace,
        "program": program.to_string_lossy(),
        "private": resources,
    })
    .to_string()
}

fn no_python(python: &Path, error: std::io::Error) -> Error {
    let text = format!(
        "cannot start {}; install Python with the package chia-ray, or name one that has it in \
         CHIA_RAY_PYTHON",
        python.display()
    );
    Error::new(ErrorKind::Unavailable, text).with_source(error)
}

impl Bridge {
    /// Waits for the process to end, and ends it if it does not.
    pub(crate) fn end(mut self) {
        if let Some(child) = self.0.take() {
            wait_or_kill(child);
        }
    }

    /// Why a bridge that never greeted could not start; `None` when it said so itself.
    fn why_not(self, python: &Path) -> Option<Error> {
        let mut imports = Command::new(python);
        imports
            .args(["-c", &format!("import {MODULE}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let output = imports.output().ok()?;
        self.end();
        if output.status.success() {
            return None;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it cannot import the package").to_owned();
        let text = format!(
            "{} has no package chia-ray: {last}; install it there, or name another Python in \
             CHIA_RAY_PYTHON",
            python.display()
        );
        Some(Error::new(ErrorKind::Unavailable, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_bridge_leaves_no_zombie() {
        let child = Command::new("true").spawn().expect("it starts");
        let entry = PathBuf::from(format!("/proc/{}", child.id()));
        drop(Bridge(Some(child)));
        let start = Instant::now();
        while entry.exists() {
            assert!(start.elapsed() < FAREWELL, "a zombie is left");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
