//! The search: build variants of a C kernel, run and check each, and vary the best one further.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use chia_loop::{Chia, ChiaBuilder, Error, ErrorKind, File, Handle, Result};
use serde::{Deserialize, Serialize};

use crate::common::{Args, Progress, Report, run_name};

const RULES: &str = include_str!("rules.yaml");
const KERNEL: &str = include_str!("kernel.c");
const ROUNDS: usize = 3;

/// Each variant is built in one step and measured in another.
const STEPS: u64 = 2;

/// One point of the design space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Variant {
    tile: u32,
    unroll: u32,
    optimize: u8,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile{}_unroll{}_O{}", self.tile, self.unroll, self.optimize)
    }
}

impl Variant {
    /// The points next to this one.
    fn neighbours(self) -> impl Iterator<Item = Self> {
        let tiles = [self.tile / 2, self.tile * 2].map(|tile| Self { tile, ..self });
        let unrolls = [self.unroll / 2, self.unroll * 2].map(|unroll| Self { unroll, ..self });
        let optimize = [Self { optimize: self.optimize + 1, ..self }];
        let all = tiles.into_iter().chain(unrolls).chain(optimize);
        all.filter(|v| {
            (2..=128).contains(&v.tile) && (1..=16).contains(&v.unroll) && v.optimize <= 3
        })
    }
}

/// What one run of a built variant showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measurement {
    best: Duration,
    checksum: String,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Compiles a variant with the system's C compiler; the program is the result.
#[chia_loop::function(resources = [("builder", 1.0)])]
fn build(variant: Variant) -> Result<File, AnyError> {
    let dir = tempfile::tempdir()?;
    let (source, program) = (dir.path().join("kernel.c"), dir.path().join("kernel"));
    std::fs::write(&source, KERNEL)?;
    let output = Command::new("cc")
        .arg(format!("-O{}", variant.optimize))
        .arg(format!("-DTILE={}", variant.tile))
        .arg(format!("-DUNROLL={}", variant.unroll))
        .arg("-o")
        .args([&program, &source])
        .output()
        .map_err(|error| format!("the C compiler `cc` does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(File::pack(&program)?)
}

/// Runs a built variant a few times; the best time counts, and all must print the same checksum.
#[chia_loop::function(resources = [("runner", 1.0)])]
fn measure(program: File) -> Result<Measurement, AnyError> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("kernel");
    program.put_at(&path)?;
    let mut best = Duration::MAX;
    let mut checksums = BTreeSet::new();
    for _ in 0..5 {
        let output = start(&path)?;
        let text = String::from_utf8(output.stdout)?;
        let (nanoseconds, checksum) =
            text.trim().split_once(' ').ok_or("the kernel printed no checksum")?;
        best = best.min(Duration::from_nanos(nanoseconds.parse()?));
        checksums.insert(checksum.to_owned());
    }
    let checksum = checksums.pop_first().filter(|_| checksums.is_empty());
    Ok(Measurement {
        best,
        checksum: checksum.ok_or("the kernel's results differ from run to run")?,
    })
}

/// Runs a program that was just written. While another thread starts a process of its own, that one holds
/// the file open for a moment, and the system refuses to run it.
fn start(path: &Path) -> io::Result<Output> {
    loop {
        match Command::new(path).output() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

/// The driver.
pub(crate) async fn drive(args: &Args, builder: ChiaBuilder) -> Result<Report<Vec<String>>> {
    let since = Instant::now();
    let chia = args.start(builder, RULES).await?;
    chia.replay(&BUILD)?;
    chia.replay(&MEASURE)?;
    let run = run_name(&chia).await?;
    let mut best: Option<(Variant, Measurement)> = None;
    let mut seen = BTreeSet::new();
    let mut winners = Vec::new();
    for round in 0..ROUNDS {
        let candidates: Vec<Variant> = match &best {
            None => [4, 16, 64].map(|tile| Variant { tile, unroll: 1, optimize: 1 }).into(),
            Some((winner, _)) => winner.neighbours().filter(|v| !seen.contains(v)).collect(),
        };
        seen.extend(candidates.iter().copied());
        for (variant, measurement) in try_all(&chia, round, &candidates).await? {
            check(variant, &measurement, best.as_ref())?;
            if best.as_ref().is_none_or(|(_, so_far)| measurement.best < so_far.best) {
                best = Some((variant, measurement));
            }
        }
        winners.extend(best.as_ref().map(|(variant, _)| variant.to_string()));
    }
    let report = Report::new("design_space", run, args, &chia, since, winners);
    chia.shutdown().await?;
    Ok(report)
}

/// Builds and measures all candidates of a round; a built program goes from builder to runner
/// without passing through here.
async fn try_all(
    chia: &Chia,
    round: usize,
    candidates: &[Variant],
) -> Result<Vec<(Variant, Measurement)>> {
    let progress = Progress::new(candidates.len() as u64 * STEPS);
    let mut under_way = Vec::new();
    for variant in candidates {
        let built =
            chia.call(&BUILD, (*variant,)).tag(format!("build_{variant}")).dispatch().await?;
        let measured =
            chia.call(&MEASURE, (&built,)).tag(format!("measure_{variant}")).dispatch().await?;
        under_way.push((*variant, built, measured));
    }
    let mut measurements = Vec::new();
    for (variant, built, measured) in under_way {
        built.get().await?;
        progress.step(&step_line(round, "build", variant, &built));
        measurements.push((variant, measured.get().await?));
        progress.step(&step_line(round, "measure", variant, &measured));
    }
    progress.finish();
    Ok(measurements)
}

fn step_line<T>(round: usize, step: &str, variant: Variant, handle: &Handle<T>) -> String {
    let how = handle.outcome().map_or("unknown", |outcome| outcome.source.as_str());
    format!("round {round}: {step}_{variant} {how}")
}

/// Every variant must compute what the others do.
fn check(
    variant: Variant,
    measured: &Measurement,
    best: Option<&(Variant, Measurement)>,
) -> Result<()> {
    match best {
        Some((other, reference)) if reference.checksum != measured.checksum => {
            let message = format!("{variant} computes something else than {other}");
            Err(Error::new(ErrorKind::TaskFailed, message))
        }
        _ => Ok(()),
    }
}
