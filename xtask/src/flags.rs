//! Every subcommand and its options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The jobs of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Flags {
    /// What to do.
    #[command(subcommand)]
    pub(crate) job: Job,
}

/// One job.
#[derive(Subcommand)]
pub(crate) enum Job {
    /// Run the test matrix: crates, feature sets, backends, Ray versions.
    Test(Test),
    /// Package each crate, then build and test it from its package; check what a release needs.
    ReleaseCheck(Select),
    /// Run the examples: a loop cold and then warm, and a design-space exploration.
    Demo(Demo),
    /// Make the Python environment of the tests up to date and print its Python
    /// (`CHIA_RAY_PYTHON=$(cargo xtask venv) cargo test -p chia-ray`).
    Venv(Venv),
    /// A Ray cluster to play with, in the background.
    #[command(subcommand)]
    Ray(Ray),
    /// Write the drawing of crates and modules in ARCHITECTURE.md anew.
    Drawing,
    /// Measure ours against its peers: rules, dispatch, cache, ray, python.
    Bench(Bench),
    /// Simulate disasters until stopped, and print how to replay what fails.
    #[command(subcommand)]
    Soak(Soak),
}

/// What `soak` simulates.
#[derive(Subcommand)]
pub(crate) enum Soak {
    /// The disk store.
    Store {
        /// The first seed; a random one without it.
        #[arg(long, value_name = "SEED")]
        from: Option<u64>,
        /// Stop after this many seconds.
        #[arg(long, value_name = "SECONDS")]
        seconds: Option<u64>,
    },
}

/// `test`: how much of the matrix.
#[derive(Args)]
pub(crate) struct Test {
    /// Leave out the slow cells and the long forms of the tests.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only cells that test this backend: local, pool, ray.
    #[arg(long = "backend", value_name = "BACKEND")]
    pub(crate) backends: Vec<String>,
    /// Which of them.
    #[command(flatten)]
    pub(crate) select: Select,
}

/// Which cells run and where the table goes. Filters hold together; each may be given repeatedly.
#[derive(Args, Default)]
pub(crate) struct Select {
    /// Only cells of this crate (`workspace` for the checks of all of them).
    #[arg(long = "crate", value_name = "CRATE")]
    pub(crate) crates: Vec<String>,
    /// Only the cell of this name, or all below it (`chia-cache/features`).
    #[arg(long = "cell", value_name = "NAME")]
    pub(crate) cells: Vec<String>,
    /// List the cells and run none.
    #[arg(long)]
    pub(crate) list: bool,
    /// Write the rows to this file, a JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the table to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// `demo`: what the examples share.
#[derive(Args)]
pub(crate) struct Demo {
    /// Where the calls run.
    #[arg(long, value_enum, default_value_t = Backend::Local)]
    pub(crate) backend: Backend,
    /// One JSON object per run on stdout, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the examples keep their cache; emptied at the start of each.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// A backend that the examples run on.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Backend {
    /// In this process.
    Local,
    /// On the Ray cluster that RAY_ADDRESS names, or else on a private one.
    Ray,
}

/// `ray`: what to do with the cluster.
#[derive(Clone, Copy, Subcommand)]
pub(crate) enum Ray {
    /// Start it, unless it runs, and print what a shell must know: `eval "$(cargo xtask ray up)"`.
    Up,
    /// End it.
    Down,
    /// Print the same, if it runs.
    Status,
}

/// `venv`: which environment.
#[derive(Args)]
pub(crate) struct Venv {
    /// The Ray version in it.
    #[arg(long, default_value = crate::venv::RAY)]
    pub(crate) ray: String,
}

/// `bench`: everything is handed to the benchmark program, which is built optimised.
#[derive(Args)]
pub(crate) struct Bench {
    /// Groups and options of the benchmark program (`-- --help` lists them).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) rest: Vec<String>,
}
