//! A cluster of one node on this machine, with the resources that the examples want; until it is told
//! to end (SIGTERM or Ctrl-C). `cargo xtask ray up` runs it in the background.

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
    let cluster = Cluster::start(&PathBuf::from(python), &[Resources::from(amounts).into()])?;
    writeln!(std::io::stdout(), "RAY_ADDRESS={}", cluster.address())?;
    signals.forever().next();
    Ok(())
}
