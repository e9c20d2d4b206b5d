//! Every subcommand and its options.

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
    /// Measure ours against its peers: rules, dispatch, cache, ray, python.
    Bench(Bench),
}

/// `bench`: everything is handed to the benchmark program, which is built optimised.
#[derive(Args)]
pub(crate) struct Bench {
    /// Groups and options of the benchmark program (`-- --help` lists them).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) rest: Vec<String>,
}
