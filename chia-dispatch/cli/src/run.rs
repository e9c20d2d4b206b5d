//! From the command line to the exit code.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use chia_record::Run;
use clap::{CommandFactory, Parser};

use crate::args::{Args, Command};
use crate::error::{Error, Result, exit};
use crate::output::Output;
use crate::{cache, diff, forecast, report, runs, trace, why};

/// Runs the tool with a command line, the name of the program first, and gives the exit code (see
/// [`exit`]). It prints on the standard output and on the standard error.
#[must_use]
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // A reader that went away has seen enough of the help.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(exit::USAGE);
        }
    };
    let mut out = Output::new(args.json, args.color);
    let done = execute(&args, &mut out).and_then(|yes| out.flush().map(|()| yes));
    match done {
        Ok(true) => exit::OK,
        Ok(false) => exit::NO,
        Err(error) => {
            if !error.is_quiet() {
                eprintln!("chia-cache: {error}{}", causes(&error));
            }
            error.exit_code()
        }
    }
}

fn execute(args: &Args, out: &mut Output) -> Result<bool> {
    match &args.command {
        Command::Ls { pattern, sort } => cache::list(args, pattern, *sort, out),
        Command::Show { tag, value } => cache::show(args, tag, *value, out),
        Command::Stats => cache::stats(args, out),
        Command::Du => cache::usage(args, out),
        Command::Verify => cache::verify(args, out),
        Command::Rm { pattern } => cache::remove(args, pattern, out),
        Command::Pin { pattern } => cache::pin(args, pattern, true, out),
        Command::Unpin { pattern } => cache::pin(args, pattern, false, out),
        Command::Clear { yes } => cache::clear(args, *yes, out),
        Command::Resize { size, allow_shrink } => cache::resize(args, *size, *allow_shrink, out),
        Command::Export { path, pattern, pickles } => {
            cache::export(args, path, pattern, *pickles, out)
        }
        Command::Import { path, replace } => cache::import(args, path, *replace, out),
        Command::Runs => runs::show(args, out),
        Command::Why { tag } => why::show(args, tag, out),
        Command::Report { run, output } => {
            render(args, run, output, |run, out| report::render(run, out))
        }
        Command::Trace { run, output } => {
            render(args, run, output, |run, out| trace::write(run, out))
        }
        Command::Diff { before, after } => diff::show(args, before, after, out),
        Command::Forecast { run, rules } => forecast::show(args, run, rules.as_deref(), out),
        Command::Completions { shell } => {
            let mut command = Args::command();
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, "chia-cache", &mut script);
            io::stdout().write_all(&script)?;
            Ok(true)
        }
    }
}

/// Writes a file about a run. A file that is there is replaced once the new one is whole.
fn render(
    args: &Args,
    run: &str,
    output: &Path,
    write: impl Fn(&Run, &mut dyn Write) -> io::Result<()>,
) -> Result<bool> {
    let run = Run::read(&runs::find(args, run)?)?;
    for note in run.notes.to_string().lines() {
        eprintln!("chia-cache: note: {note}");
    }
    if output == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&run, &mut out)?;
        out.flush()?;
        return Ok(true);
    }
    let fail = |source| Error::Write { path: output.to_owned(), source };
    // Whole before it is a file: an interrupt leaves no half of it.
    let mut whole = Vec::new();
    write(&run, &mut whole)?;
    let mut partial = output.as_os_str().to_owned();
    partial.push(".partial");
    let written = std::fs::write(&partial, whole).and_then(|()| std::fs::rename(&partial, output));
    if let Err(error) = written {
        // What is left of it is of no use; the error is what counts.
        let _ = std::fs::remove_file(&partial);
        return Err(fail(error));
    }
    eprintln!("{} calls of run {} are in {}", run.calls.len(), run.header.id, output.display());
    Ok(true)
}

fn causes(error: &Error) -> String {
    let mut causes = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes += &format!(": {cause}");
        next = cause.source();
    }
    causes
}
