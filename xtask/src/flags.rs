//! Every subcommand and its options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Measure ours against its peers: rules, dispatch, cache, ray, python.
    Bench(Bench),
}

/// `test`: filters hold together, and each may be given several times.
#[derive(Args, Default)]
pub(crate) struct Test {
    /// Leave out the slow cells and the long forms of the tests.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only cells of this crate (`workspace` for the checks of all of them).
    #[arg(long = "crate", value_name = "CRATE")]
    pub(crate) crates: Vec<String>,
    /// Only cells that test this backend: local, pool, ray.
    #[arg(long = "backend", value_name = "BACKEND")]
    pub(crate) backends: Vec<String>,
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

/// `bench`: everything is handed to the benchmark program, which is built optimised.
#[derive(Args)]
pub(crate) struct Bench {
    /// Groups and options of the benchmark program (`-- --help` lists them).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) rest: Vec<String>,
}
