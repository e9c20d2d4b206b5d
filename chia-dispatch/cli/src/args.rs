//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Shows and manages the caches of loops and the records of their runs.
#[derive(Debug, Parser)]
#[command(name = "chia-cache", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The directory of the cache.
    #[arg(long, short, global = true, default_value = "chia_cache", env = "CHIA_CACHE")]
    pub(crate) dir: PathBuf,
    /// The directory of the run records; `runs` in the directory of the cache unless set.
    #[arg(long, global = true)]
    pub(crate) runs: Option<PathBuf>,
    /// Print JSON instead of tables: one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 done, and the answer is no (nothing matches, runs differ, damage found); \
2 wrong command line; 3 no such cache, run or record; 4 a living process owns the cache; 5 the disk \
or another part of the system failed.

A RUN is the path of a record, the head of a run's id, `last`, or `last~N` for the N-th before it.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the runs, the newest last.
    #[command(after_help = "Example: chia-cache runs --dir chia_cache")]
    Runs,
    /// Tells the history of a tag over the runs: when it ran or was replayed, and what differed.
    #[command(after_help = "Example: chia-cache why iter1_call0")]
    Why {
        /// The tag.
        tag: String,
    },
    /// Renders a run as one HTML file that needs no network.
    #[command(after_help = "Example: chia-cache report last --output run.html")]
    Report {
        /// Which run.
        #[arg(default_value = "last")]
        run: String,
        /// The file to write; `-` is the standard output.
        #[arg(long, short, default_value = "report.html")]
        output: PathBuf,
    },
    /// Renders a run as a trace for Perfetto or chrome://tracing.
    #[command(after_help = "Example: chia-cache trace last --output run.trace.json")]
    Trace {
        /// Which run.
        #[arg(default_value = "last")]
        run: String,
        /// The file to write; `-` is the standard output.
        #[arg(long, short, default_value = "trace.json")]
        output: PathBuf,
    },
    /// Shows which calls differ between two runs, in outcome, reason, arguments or time.
    #[command(after_help = "Example: chia-cache diff last~1 last")]
    Diff {
        /// The earlier run.
        before: String,
        /// The later run.
        after: String,
    },
    /// Prints the completions of a shell.
    #[command(
        after_help = "Example: chia-cache completions bash > ~/.local/share/bash-completion/completions/chia-cache"
    )]
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}
