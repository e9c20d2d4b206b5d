//! The Python front on a real Ray, beside a bare `@ray.remote`: measured by `python/front.py`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::Deserialize;

use crate::report::Report;
use crate::{Aim, Figure};

/// A line of the script.
#[derive(Deserialize)]
struct Line {
    case: String,
    unit: String,
    ours: f64,
    reference: Option<f64>,
    ratio_at_most: Option<f64>,
}

/// Runs the script with the Python of `CHIA_RAY_PYTHON`, which `cargo xtask bench` prepares.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let python = std::env::var_os("CHIA_RAY_PYTHON")
        .context("CHIA_RAY_PYTHON is not set: run `cargo xtask bench python`")?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python/front.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("RAY_USAGE_STATS_ENABLED", "0")
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = child.stdout.take().context("the script has no output")?;
    for line in BufReader::new(lines).lines() {
        // Ray may say something of its own on stdout.
        if let Ok(line) = serde_json::from_str::<Line>(&line?) {
            report.add(figure(line));
        }
    }
    anyhow::ensure!(child.wait()?.success(), "the script failed");
    Ok(())
}

fn figure(line: Line) -> Figure {
    let unit = if line.unit == "B" { "B" } else { "ns" };
    let figure = match line.reference {
        Some(reference) => Figure::versus(line.case, unit, line.ours, reference),
        None => Figure::alone(line.case, unit, line.ours),
    };
    match line.ratio_at_most {
        Some(ratio) => figure.aim(Aim::RatioAtMost(ratio)),
        None => figure,
    }
}
