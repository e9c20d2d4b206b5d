//! The Python front on a real Ray, beside a bare `@ray.remote`, measured by `python/front.py`; and the store
//! of Python alone, beside diskcache, measured by `python/store.py`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;
use serde::Deserialize;

use crate::report::Report;
use crate::{Aim, Figure};

/// A line of a script.
#[derive(Deserialize)]
struct Line {
    case: String,
    unit: String,
    ours: f64,
    reference: Option<f64>,
    ratio_at_most: Option<f64>,
}

/// Runs the scripts with the Python of `CHIA_RAY_PYTHON`, which `cargo xtask bench` prepares.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let python = std::env::var_os("CHIA_RAY_PYTHON")
        .context("CHIA_RAY_PYTHON is not set: run `cargo xtask bench python`")?;
    for script in ["front.py", "store.py"] {
        measure(&python, script, report)?;
    }
    Ok(())
}

fn measure(python: &OsStr, script: &str, report: &mut Report) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    let mut child = Command::new(python)
        .arg(path)
        .env("RAY_USAGE_STATS_ENABLED", "0")
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = child.stdout.take().context("a script has no output")?;
    for line in BufReader::new(lines).lines() {
        // Ray may say something of its own on stdout.
        if let Ok(line) = serde_json::from_str::<Line>(&line?) {
            report.add(figure(line));
        }
    }
    anyhow::ensure!(child.wait()?.success(), "{script} failed");
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
