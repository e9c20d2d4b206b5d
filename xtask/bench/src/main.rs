//! The program behind `cargo xtask bench`.

use chia_bench::groups::{self, GROUPS};
use chia_bench::{Output, Report, cache, look, ray};
use clap::Parser;

/// Measure ours against its peers, in one run.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Flags {
    /// Groups to run; all of them without one.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(groups::names()))]
    groups: Vec<String>,
    /// One JSON object per figure on stdout, and nothing else.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// A Markdown section with the facts of this machine, as kept in BENCHMARKS.md.
    #[arg(long)]
    markdown: bool,
    /// The names of the groups, and what each measures.
    #[arg(long)]
    list: bool,
}

fn main() -> anyhow::Result<()> {
    ray::run_if_worker();
    if cache::probe::run()? || look::process::run()? {
        return Ok(());
    }
    let flags = Flags::parse();
    let output = match (flags.json, flags.markdown) {
        (true, _) => Output::Json,
        (_, true) => Output::Markdown,
        _ => Output::Table,
    };
    if flags.list {
        list();
        return Ok(());
    }
    let mut report = Report::new(output);
    for group in GROUPS {
        if group.is_wanted(&flags.groups) {
            report.begin(group.name, group.about);
            (group.run)(&mut report)?;
        }
    }
    report.finish(&flags.groups);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "printing is its job")]
fn list() {
    for group in GROUPS {
        let when = if group.only_by_name { " (only when named)" } else { "" };
        println!("{:<14} {}{when}", group.name, group.about);
    }
}
