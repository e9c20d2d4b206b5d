//! The command line.

use std::path::PathBuf;

use chia_cache::ByteSize;
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

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By tag, printed as it is read.
    Tag,
    /// The largest first.
    Size,
    /// The oldest first.
    Age,
    /// The last read first.
    Read,
    /// The longest computation first.
    Computed,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 done, and the answer is no (nothing matches, runs differ, damage found); \
2 wrong command line; 3 no such cache, run or record; 4 a living process owns the cache and does not answer; 5 the disk \
or another part of the system failed.

A RUN is the path of a record, the head of a run's id, `last`, or `last~N` for the N-th before it.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists entries: tag, function, size, age, compute time, last use, origin.
    #[command(after_help = "Example: chia-cache ls 'iter1_*' --sort size")]
    Ls {
        /// Which tags: `*` is any text, `?` any one character.
        #[arg(default_value = "*")]
        pattern: String,
        /// In which order.
        #[arg(long, value_enum, default_value_t = Sort::Tag)]
        sort: Sort,
    },
    /// Shows all facts of an entry.
    #[command(after_help = "Example: chia-cache show iter1_call0 --value")]
    Show {
        /// The tag.
        tag: String,
        /// Show the value too, up to 4,000 characters, as Python writes it. Nothing of it is executed:
        /// an object is shown by the name of its class and what it is built from.
        #[arg(long)]
        value: bool,
    },
    /// Shows what the cache holds.
    #[command(after_help = "Example: chia-cache stats")]
    Stats,
    /// Shows entries, bytes and compute time by function.
    #[command(after_help = "Example: chia-cache du --dir chia_cache")]
    Du,
    /// Reads every entry and compares its checksum; changes nothing.
    #[command(after_help = "Example: chia-cache verify && echo sound")]
    Verify,
    /// Removes entries.
    #[command(after_help = "Example: chia-cache rm 'iter1_*'")]
    Rm {
        /// Which tags: `*` is any text, `?` any one character.
        pattern: String,
    },
    /// Keeps entries from being evicted.
    #[command(after_help = "Example: chia-cache pin 'golden_*'")]
    Pin {
        /// Which tags: `*` is any text, `?` any one character.
        pattern: String,
    },
    /// Lets entries be evicted again.
    #[command(after_help = "Example: chia-cache unpin 'golden_*'")]
    Unpin {
        /// Which tags: `*` is any text, `?` any one character.
        pattern: String,
    },
    /// Removes every entry, after a question.
    #[command(after_help = "Example: chia-cache clear --yes")]
    Clear {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Evicts what does not fit into a size.
    #[command(after_help = "Example: chia-cache resize '2 GB'")]
    Resize {
        /// The size, with a unit: `512 MB`, `4 GB`.
        size: ByteSize,
        /// Allow more than a tenth of the entries to go.
        #[arg(long)]
        allow_shrink: bool,
    },
    /// Copies entries with all their facts into a new directory, for another machine or for keeping.
    ///
    /// The directory is itself a cache: every command looks into it, a loop opens it, `import` merges it
    /// into another. It holds values, tags, functions, ages, compute times, versions, fingerprints of
    /// arguments, labels and pins; not what was last read when, nor the records of runs.
    #[command(after_help = "Example: chia-cache export golden 'golden_*'")]
    Export {
        /// The directory to create; it must not be there, or be empty.
        path: PathBuf,
        /// Which tags: `*` is any text, `?` any one character.
        #[arg(default_value = "*")]
        pattern: String,
        /// Make every entry a `*.pkl` file, which the Python original reads as well.
        #[arg(long)]
        pickles: bool,
    },
    /// Merges an export, another cache, or a directory of `*.pkl` files of the Python original.
    ///
    /// An entry whose tag holds another value here is a conflict: it is reported, and the value here
    /// stays, unless --replace is given.
    #[command(after_help = "Example: chia-cache import golden --dir chia_cache")]
    Import {
        /// The directory to read.
        path: PathBuf,
        /// In a conflict take the imported value.
        #[arg(long)]
        replace: bool,
    },
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
    /// Shows what today's rules and cache would do to the calls of a recorded run. Runs nothing.
    /// `CHIA_MODE`, `CHIA_RERUN` and `CHIA_FROM` count as they do for a loop.
    #[command(after_help = "Example: chia-cache forecast last --rules loop.yaml")]
    Forecast {
        /// Which run.
        #[arg(default_value = "last")]
        run: String,
        /// The rules; those that the run had unless set.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
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
