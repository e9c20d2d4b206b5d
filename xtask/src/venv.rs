//! Virtual environments under `target/venv`: the tools, and one for each Ray and Python version.
//!
//! Everything is installed by pip at a pinned version and kept, so only the first run pays.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

use crate::flags;
use crate::interpreters::{self, Interpreter};
use crate::lock;
use crate::repo;
use crate::shell::Shell;

/// The Ray version that everything is tested with; the others are in the full matrix.
pub(crate) const RAY: &str = "2.60.0";
/// Every supported Ray version, the pinned one first.
pub(crate) const RAYS: [&str; 2] = [RAY, "2.54.0"];

/// The Python original that our package is tested beside, and the Ray that it needs.
const ORIGINAL: &str = "2.0.1";
const ORIGINAL_RAY: &str = "2.54.0";

/// What the store of Python alone is measured against.
const DISKCACHE: &str = "diskcache==5.6.3";

/// What the tests of the Python package need besides Ray.
const TEST_TOOLS: [&str; 3] = ["numpy", "pytest==9.2.0", "pytest-timeout==2.4.0"];
/// What builds and checks the Python package.
const BUILD_TOOLS: [&str; 3] = ["maturin==1.16.0", "mypy==2.4.1", "ruff==0.17.6"];

/// The environments whose wheel is up to date in this process.
static FRESH: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Makes the environment and prints its Python.
pub(crate) fn run(flags: &flags::Venv) -> anyhow::Result<()> {
    let python = interpreters::preferred()?;
    println!("{}", with_ray(&Shell::inherit(), &flags.ray, &python)?.display());
    Ok(())
}

/// The Python package, once there is one.
pub(crate) fn package() -> Option<PathBuf> {
    let folder = repo::top().join("chia-ray/python");
    folder.join("Cargo.toml").exists().then_some(folder)
}

/// The Python of an environment with this Ray and our wheel, built from the sources as they are.
pub(crate) fn with_ray(shell: &Shell, ray: &str, python: &Interpreter) -> anyhow::Result<PathBuf> {
    lock::take()?;
    let folder = root().join(format!("ray-{ray}-py3.{}", python.minor));
    let mut wanted = vec![format!("ray=={ray}")];
    wanted.extend(TEST_TOOLS.map(String::from));
    let program = make(shell, &folder, python, &wanted)?;
    let mut fresh = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(package) = package()
        && fresh.insert(folder)
    {
        install(shell, &package, python, &program, "dev")?;
    }
    Ok(program)
}

/// As [`with_ray`], with an optimised wheel: for measurements. Others get theirs back by themselves.
pub(crate) fn optimised(shell: &Shell, ray: &str, python: &Interpreter) -> anyhow::Result<PathBuf> {
    let program = with_ray(shell, ray, python)?;
    if let Some(package) = package() {
        install(shell, &package, python, &program, "release")?;
    }
    let args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", DISKCACHE];
    shell.run(Command::new(&program).args(args))?;
    Ok(program)
}

fn install(
    shell: &Shell,
    package: &Path,
    python: &Interpreter,
    program: &Path,
    profile: &str,
) -> anyhow::Result<()> {
    let wheel = build_wheel(shell, package, python, profile)?;
    let args = ["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps"];
    shell.run(Command::new(program).args(args).arg(wheel))
}

/// The Python of an environment with our wheel beside the Python original, and the Ray that it pins.
pub(crate) fn with_original(shell: &Shell, python: &Interpreter) -> anyhow::Result<PathBuf> {
    let folder = root().join(format!("chialoops-py3.{}", python.minor));
    let mut wanted = vec![format!("chialoops=={ORIGINAL}"), format!("ray=={ORIGINAL_RAY}")];
    wanted.extend(TEST_TOOLS.map(String::from));
    let program = make(shell, &folder, python, &wanted)?;
    let wheel = wheel(shell, RAY, python)?;
    let args = ["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps"];
    shell.run(Command::new(&program).args(args).arg(wheel))?;
    Ok(program)
}

/// The wheel of our package, built from the sources as they are.
pub(crate) fn wheel(shell: &Shell, ray: &str, python: &Interpreter) -> anyhow::Result<PathBuf> {
    with_ray(shell, ray, python)?;
    built()
}

/// The Python of the environment with the tools.
pub(crate) fn with_tools(shell: &Shell, python: &Interpreter) -> anyhow::Result<PathBuf> {
    make(shell, &root().join("tools"), python, &BUILD_TOOLS.map(String::from))
}

fn root() -> PathBuf {
    repo::target().join("venv")
}

/// Makes an environment unless it is there with all that is wanted.
fn make(
    shell: &Shell,
    folder: &Path,
    python: &Interpreter,
    wanted: &[String],
) -> anyhow::Result<PathBuf> {
    let program = folder.join("bin/python");
    let stamp = folder.join("installed.txt");
    let wanted_lines = wanted.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|lines| lines == wanted_lines) {
        return Ok(program);
    }
    shell.run(Command::new(&python.program).args(["-m", "venv", "--clear"]).arg(folder))?;
    let args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    shell.run(Command::new(&program).args(args).args(wanted))?;
    fs::write(stamp, wanted_lines)?;
    Ok(program)
}

/// Builds the wheel (abi3: one for every Python) in a profile of cargo.
fn build_wheel(
    shell: &Shell,
    package: &Path,
    python: &Interpreter,
    profile: &str,
) -> anyhow::Result<PathBuf> {
    let tools = with_tools(shell, python)?;
    let out = wheels();
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let mut maturin = Command::new(tools.with_file_name("maturin"));
    maturin.args(["build", "--quiet", "--profile", profile, "--interpreter"]).arg(&python.program);
    maturin.arg("--out").arg(&out).current_dir(package);
    shell.run(maturin.env("CARGO_TARGET_DIR", repo::target()))?;
    built()
}

/// The one wheel that was built last.
fn built() -> anyhow::Result<PathBuf> {
    let mut wheels = fs::read_dir(wheels())?.flatten().map(|entry| entry.path());
    wheels.next().context("maturin made no wheel")
}

fn wheels() -> PathBuf {
    repo::target().join("wheels")
}
