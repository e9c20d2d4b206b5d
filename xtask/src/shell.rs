//! Runs commands so that they can be logged, bounded in time, and ended with all they started.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::{lock, processes};

/// Longer than any logged command should take; a hung test must not hang the matrix.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Where commands run and where their output goes.
pub(crate) struct Shell {
    log: Option<PathBuf>,
    env: Vec<(&'static str, PathBuf)>,
}

impl Shell {
    /// Output goes to ours.
    pub(crate) fn inherit() -> Self {
        Self { log: None, env: Vec::new() }
    }

    /// Output goes to this file, which is started anew.
    pub(crate) fn logged(log: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(log.parent().context("a log file has a folder")?)?;
        File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        Ok(Self { log: Some(log.to_owned()), env: Vec::new() })
    }

    /// Every command from now on gets this variable.
    pub(crate) fn env(&mut self, name: &'static str, value: impl Into<PathBuf>) {
        self.env.push((name, value.into()));
    }

    /// Adds a line of ours to the output.
    pub(crate) fn say(&self, line: &str) -> anyhow::Result<()> {
        match &self.log {
            Some(log) => Ok(writeln!(File::options().append(true).open(log)?, "{line}")?),
            None => {
                eprintln!("{line}");
                Ok(())
            }
        }
    }

    /// All output so far; empty if it is not logged.
    pub(crate) fn text(&self) -> String {
        let bytes = self.log.as_ref().and_then(|log| fs::read(log).ok());
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    }

    /// Runs a command; anything but success is an error that shows it.
    pub(crate) fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        self.say(&format!("$ {}", shown(command)))?;
        if let Some(log) = &self.log {
            let log = File::options().append(true).open(log)?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        let status = self.finish(&mut self.start(command)?)?;
        ensure!(status.success(), "`{}`: {status}", shown(command));
        Ok(())
    }

    /// Runs a command and gives back what it wrote to stdout, which is not logged.
    pub(crate) fn output(&self, command: &mut Command) -> anyhow::Result<String> {
        self.say(&format!("$ {}", shown(command)))?;
        if let Some(log) = &self.log {
            command.stderr(File::options().append(true).open(log)?);
        }
        let mut child = self.start(command.stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().context("stdout is a pipe")?;
        let text = std::io::read_to_string(stdout)?;
        let status = self.finish(&mut child)?;
        ensure!(status.success(), "`{}`: {status}", shown(command));
        Ok(text)
    }

    fn start(&self, command: &mut Command) -> anyhow::Result<Child> {
        command.stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(lock::inherited());
        if self.log.is_some() {
            // A terminal's Ctrl-C is ours to handle: it must not hit the command on its own.
            command.process_group(0).env("CARGO_TERM_COLOR", "never");
        }
        let _starting = processes::starting();
        command.spawn().with_context(|| format!("cannot start `{}`", shown(command)))
    }

    fn finish(&self, child: &mut Child) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                // An interrupt ends the child and keeps the guard: do not go on then.
                drop(processes::starting());
                return Ok(status);
            }
            if self.log.is_some() && start.elapsed() > LIMIT {
                processes::end_all(Duration::from_secs(10));
                child.wait()?;
                bail!("ended: it ran longer than {} minutes", LIMIT.as_secs() / 60);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut words = vec![name.to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut sh = Command::new("sh");
        sh.args(["-c", script]);
        sh
    }

    #[test]
    fn a_logged_command_leaves_both_streams_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = Shell::logged(&dir.path().join("new/cell.log")).unwrap();
        shell.env("GREETING", "hello");
        shell.run(&mut sh("echo $GREETING; echo aside >&2")).unwrap();
        assert_eq!(shell.text(), "$ sh -c echo $GREETING; echo aside >&2\nhello\naside\n");
    }

    #[test]
    fn a_failing_command_is_an_error_that_shows_it() {
        let dir = tempfile::tempdir().unwrap();
        let shell = Shell::logged(&dir.path().join("log")).unwrap();
        let error = shell.run(&mut sh("exit 3")).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3`: exit status: 3");
        let error = shell.run(&mut Command::new("/no/such/tool")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `tool`");
    }

    #[test]
    fn output_is_returned() {
        assert_eq!(Shell::inherit().output(&mut sh("printf 42")).unwrap(), "42");
    }
}
