//! A cluster of one node on this machine, with the resources that the examples want; until it is asked
//! to end (SIGTERM or Ctrl-C). `cargo xtask ray up` runs it in the background; what it prints tells a
//! shell how to use it.

use std::io::Write;
use std::path::PathBuf;

use chia_dispatch::Resources;
use chia_ray::cluster::Cluster;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let python = std::env::var_os("CHIA_RAY_PYTHON").unwrap_or_else(|| "python3".into());
    let amounts = [("cpu", 4.0), ("counter", 2.0), ("builder", 2.0), ("runner", 1.0)];
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let python = PathBuf::from(python);
    let cluster = Cluster::start(&python, &[Resources::from(amounts).into()])?;
    let mut out = std::io::stdout();
    // The address comes last: a reader that finds it finds all.
    writeln!(out, "export CHIA_RAY_PYTHON={}", python.display())?;
    writeln!(out, "export RAY_ADDRESS={}", cluster.address())?;
    signals.forever().next();
    Ok(())
}
