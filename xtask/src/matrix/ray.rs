//! The cells that need Python or Ray: the Python package's own tests and the Rust suites that run
//! on real clusters. Each makes its environment first, which is quick when it is there.
//!
//! * `chia-ray/tests` run with `CHIA_RAY_PYTHON`, the Python of the environment, and may not skip;
//! * `chia-ray/python/tests/unit` needs no cluster, `chia-ray/python/tests/cluster` starts its own;
//! * `chia-ray/python/tests/compat` runs the original's own tests on our engine, and has a short form;
//! * `chia-ray/python/tests/install` installs `CHIA_WHEEL` beside the original from the registry.

use std::path::Path;
use std::process::Command;

use cargo_metadata::Package;

use super::built::{self, Suite};
use super::cell::{Cell, Verdict};
use super::rust::test_targets;
use crate::interpreters::{self, Interpreter, MISSING};
use crate::repo;
use crate::shell::Shell;
use crate::venv::{self, RAY, RAYS};

/// The crate whose integration tests run on Ray.
pub(crate) const CRATE: &str = "chia-ray";

/// The suite that starts clusters.
pub(crate) const SUITE: &str = "ray";

/// All cells that Ray or Python take part in.
pub(crate) fn cells(packages: &[Package]) -> Vec<Cell> {
    let pythons = interpreters::all();
    let Some(first) = pythons.first() else {
        let skip = |_: &mut Shell| Ok(Verdict::Skip(MISSING.to_owned()));
        return vec![Cell::new("chia-ray/ray", skip).backend("ray")];
    };
    let mut cells = Vec::new();
    if let Some(package) = venv::package() {
        cells.push(lint(&package, first));
        cells.extend(pytest(&package, "install", RAY, first));
        cells.push(compatibility(&package, first, "-short", &["-m", "not long"]));
        cells.push(compatibility(&package, first, "", &[]).slow_if(true));
        for python in &pythons {
            cells.extend(pytest(&package, "unit", RAY, python).map(|c| c.slow_if(python != first)));
        }
        for (ray, python) in versions(&pythons) {
            let slow = (ray, python) != (RAY, first);
            cells.extend(
                pytest(&package, "cluster", ray, python).map(|c| c.backend("ray").slow_if(slow)),
            );
        }
    }
    for ray in RAYS {
        let has_suite =
            |p: &Package| p.name.as_str() == CRATE && test_targets(p).any(|t| t == SUITE);
        if packages.iter().any(has_suite) {
            // Eight minutes: the quick matrix has the demo and the Python suite on a real cluster.
            cells.push(rust_suite(ray, first).slow_if(true));
        }
    }
    cells
}

/// Every Python with the pinned Ray, and the first Python with the other Rays.
fn versions(pythons: &[Interpreter]) -> Vec<(&'static str, &Interpreter)> {
    let pinned = pythons.iter().map(|python| (RAY, python));
    let others = RAYS[1..].iter().flat_map(|ray| pythons.first().map(|python| (*ray, python)));
    pinned.chain(others).collect()
}

fn rust_suite(ray: &'static str, python: &Interpreter) -> Cell {
    let python = python.clone();
    let name = format!("{CRATE}/{SUITE}/ray-{ray}-py3.{}", python.minor);
    let cell = Cell::new(name, move |shell| {
        let program = venv::with_ray(shell, ray, &python)?;
        let env = [("CHIA_RAY_PYTHON", program), ("CHIA_REQUIRE_RAY", "1".into())];
        built::run(shell, |suite: &Suite| suite.package == CRATE && suite.target == SUITE, &env)
    });
    cell.backend("ray")
}

/// The tests in a folder of the Python package, if there is such a folder.
fn pytest(
    package: &Path,
    suite: &'static str,
    ray: &'static str,
    python: &Interpreter,
) -> Option<Cell> {
    let folder = package.join("tests").join(suite);
    let python = python.clone();
    let name = format!("{CRATE}/python-{suite}/ray-{ray}-py3.{}", python.minor);
    folder.exists().then(|| {
        Cell::new(name, move |shell| {
            let wheel = venv::wheel(shell, ray, &python)?;
            let program = venv::with_ray(shell, ray, &python)?;
            let mut pytest = Command::new(&program);
            pytest.env("CHIA_WHEEL", wheel);
            pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(&folder);
            shell
                .run(pytest.env("CHIA_RAY_PYTHON", &program).env("PYTHONDONTWRITEBYTECODE", "1"))?;
            let passed = passed(&shell.text());
            anyhow::ensure!(passed > 0, "no test ran");
            Ok(Verdict::Pass(format!("{passed} tests")))
        })
    })
}

/// The tests beside the Python original, its own test modules among them.
fn compatibility(
    package: &Path,
    python: &Interpreter,
    form: &str,
    args: &'static [&'static str],
) -> Cell {
    let folder = package.join("tests/compat");
    let python = python.clone();
    let cell = Cell::new(format!("{CRATE}/python-compat{form}"), move |shell| {
        let program = venv::with_original(shell, &python)?;
        let mut pytest = Command::new(program);
        pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).args(args).arg(&folder);
        shell.run(pytest.env("PYTHONDONTWRITEBYTECODE", "1"))?;
        let passed = passed(&shell.text());
        anyhow::ensure!(passed > 0, "no test ran");
        Ok(Verdict::Pass(format!("{passed} tests")))
    });
    cell.backend("ray")
}

/// Format, lints and types of the Python code.
fn lint(package: &Path, python: &Interpreter) -> Cell {
    let (package, python) = (package.to_owned(), python.clone());
    Cell::new(format!("{CRATE}/python-lint"), move |shell| {
        let tools = venv::with_tools(shell, &python)?;
        let program = venv::with_ray(shell, RAY, &python)?;
        let tool = |args: &[&str]| {
            let mut tool = Command::new(&tools);
            tool.arg("-m").args(args).current_dir(&package);
            tool
        };
        shell.run(&mut tool(&["ruff", "check", "--no-cache", "."]))?;
        shell.run(&mut tool(&["ruff", "format", "--no-cache", "--check", "."]))?;
        let cache = repo::target().join("mypy");
        let mut mypy = tool(&["mypy", "--strict"]);
        mypy.arg("--python-executable").arg(program).arg("--cache-dir").arg(cache);
        shell.run(mypy.args(["-p", "chia_ray"]))?;
        Ok(Verdict::pass())
    })
}

/// The number before `passed` in pytest's last line.
fn passed(log: &str) -> usize {
    let last = log.lines().rev().find_map(|line| line.split_once(" passed"));
    let number = last.and_then(|(head, _)| head.rsplit([' ', ',']).next()?.parse().ok());
    number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_pytest_is_understood() {
        assert_eq!(passed("...\n12 passed in 0.03s\n"), 12);
        assert_eq!(passed("==== 1 failed, 3 passed, 2 skipped in 1s ===="), 3);
        assert_eq!(passed("no tests ran in 0.01s"), 0);
    }

    #[test]
    fn the_pinned_ray_meets_every_python_and_the_others_the_first() {
        let python = |minor| Interpreter { minor, program: "python".into() };
        let pythons = [python(11), python(12)];
        let pairs: Vec<_> = versions(&pythons).iter().map(|(r, p)| (*r, p.minor)).collect();
        assert_eq!(pairs, [("2.60.0", 11), ("2.60.0", 12), ("2.54.0", 11)]);
    }
}
