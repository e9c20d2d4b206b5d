//! The Rust cells of one package: its tests, its feature combinations, each built alone, and a row for
//! each backend that has a conformance suite (`tests/conformance_<backend>.rs`).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{Package, TargetKind};

use super::built::{self, Suite};
use super::cell::{Cell, Verdict};
use super::{features, ray};
use crate::repo;
use crate::shell::Shell;

/// A test target of this name is the suite of a backend.
const CONFORMANCE: &str = "conformance_";

/// All cells of a package.
pub(crate) fn cells(package: &Package) -> Vec<Cell> {
    let mut cells = Vec::new();
    if package.targets.iter().any(|target| target.test) {
        cells.push(built_cell(package));
    }
    cells.extend(conformance_cells(package));
    if repo::is_published(package) {
        cells.extend(combination_cells(package, repo::top(), "features"));
        cells.extend(fuzz_cell(package));
    }
    cells
}

/// The tests of a package, but for the suites of backends, which have cells of their own.
fn built_cell(package: &Package) -> Cell {
    let name = package.name.to_string();
    Cell::new(format!("{name}/test"), move |shell| {
        let is_own = |suite: &Suite| suite.package == name && !is_of_backend(&name, &suite.target);
        built::run(shell, is_own, &[])
    })
}

/// Whether a target is the suite of a backend.
fn is_of_backend(package: &str, target: &str) -> bool {
    target.starts_with(CONFORMANCE) || (package == ray::CRATE && target == ray::SUITE)
}

/// `cargo test` of a package in another workspace, as it comes and with all features if that is more.
/// `suites` selects what of it runs besides the documentation; everything does if it is empty.
pub(crate) fn test_cells(
    package: &Package,
    folder: &Path,
    what: &str,
    suites: &[String],
) -> Vec<Cell> {
    let name = package.name.to_string();
    let all: BTreeSet<&str> = package.features.keys().map(String::as_str).collect();
    let all = features::implied(&package.features, &all);
    let default = features::implied(&package.features, &BTreeSet::from(["default"]));
    let mut sets = vec![("default", None)];
    if all != default {
        sets.push(("all-features", Some("--all-features")));
    }
    let cell = |(variant, flag): (&str, Option<&'static str>)| {
        let (package, folder, suites) = (name.clone(), folder.to_owned(), suites.to_owned());
        Cell::new(format!("{name}/{what}/{variant}"), move |shell| {
            let test = || {
                let mut test = repo::cargo_in(&folder);
                test.args(["test", "-p", &package]).args(flag);
                test
            };
            if suites.is_empty() {
                return run_tests(shell, &mut test());
            }
            run_tests(shell, test().args(&suites))?;
            run_tests(shell, test().arg("--doc"))
        })
    };
    sets.into_iter().map(cell).collect()
}

fn conformance_cells(package: &Package) -> Vec<Cell> {
    let backends = test_targets(package).filter_map(|target| target.strip_prefix(CONFORMANCE));
    let cell = |backend: &str| {
        let (package, target) = (package.name.to_string(), format!("{CONFORMANCE}{backend}"));
        Cell::new(format!("{package}/conformance/{backend}"), move |shell| {
            let is_it = |suite: &Suite| suite.package == package && suite.target == target;
            built::run(shell, is_it, &[])
        })
        .backend(backend)
    };
    backends.filter(|_| package.name.as_str() != ray::CRATE).map(cell).collect()
}

/// Features only add: every combination builds without a warning. The quick matrix has the ends
/// and the single ones.
pub(crate) fn combination_cells(package: &Package, folder: &Path, what: &str) -> Vec<Cell> {
    let sets = features::combinations(&package.features);
    let most = sets.len() - 1;
    let cell = |(at, set): (usize, BTreeSet<&str>)| {
        let label = set.iter().copied().collect::<Vec<_>>().join("+");
        let label = if label.is_empty() { "none".to_owned() } else { label };
        let (name, features) =
            (package.name.to_string(), label.replace('+', ",").replace("none", ""));
        let slow = set.len() > 1 && at != most;
        let folder = folder.to_owned();
        Cell::new(format!("{name}/{what}/{label}"), move |shell| {
            let mut clippy = repo::cargo_in(&folder);
            clippy.args(["clippy", "-p", &name, "--no-default-features", "--features", &features]);
            shell.run(clippy.args(["--", "-D", "warnings"]))?;
            Ok(Verdict::pass())
        })
        .slow_if(slow)
    };
    sets.into_iter().enumerate().map(cell).collect()
}

/// The fuzz targets still build; fuzzing itself wants a nightly compiler and time. Their bodies
/// run in the crate's tests.
fn fuzz_cell(package: &Package) -> Option<Cell> {
    let folder = package.manifest_path.parent()?.join("fuzz").into_std_path_buf();
    folder.exists().then(|| {
        Cell::new(format!("{}/fuzz", package.name), move |shell| {
            if !repo::has_tool("c++") {
                return Ok(Verdict::Skip("libFuzzer is C++, and there is no c++".to_owned()));
            }
            shell.run(repo::cargo_in(&folder).arg("check"))?;
            shell.run(repo::cargo_in(&folder).args(["fmt", "--check"]))?;
            Ok(Verdict::pass())
        })
        .slow_if(true)
    })
}

/// The names of a package's integration tests.
pub(crate) fn test_targets(package: &Package) -> impl Iterator<Item = &str> {
    let tests = package.targets.iter().filter(|t| t.kind.contains(&TargetKind::Test));
    tests.map(|target| target.name.as_str())
}

/// The examples in the documentation of all crates.
pub(crate) fn doc_cell() -> Cell {
    Cell::new("workspace/doctests", |shell| {
        let args = ["test", "--workspace", "--all-features", "--doc"];
        run_tests(shell, repo::cargo().args(args))
    })
}

/// Runs `cargo test`; a suite in which nothing ran has failed.
pub(crate) fn run_tests(shell: &Shell, test: &mut Command) -> anyhow::Result<Verdict> {
    shell.run(test.arg("--no-fail-fast"))?;
    counted(&shell.text())
}

/// What a log says of the tests that ran.
pub(crate) fn counted(log: &str) -> anyhow::Result<Verdict> {
    let (passed, ignored) = count(log);
    anyhow::ensure!(passed > 0, "no test ran");
    let ignored = if ignored > 0 { format!(", {ignored} ignored") } else { String::new() };
    Ok(Verdict::Pass(format!("{passed} tests{ignored}")))
}

/// Tests that passed and that were ignored, summed over the binaries.
fn count(log: &str) -> (usize, usize) {
    let results = log.lines().filter_map(|line| line.strip_prefix("test result: "));
    let field = |line: &str, what: &str| -> usize {
        let number = line.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
        number.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    results.fold((0, 0), |(passed, ignored), line| {
        (passed + field(line, "passed"), ignored + field(line, "ignored"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_over_all_binaries() {
        let log = "\
running 2 tests
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
running 0 tests
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 40 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out
";
        assert_eq!(count(log), (42, 3));
        assert_eq!(count("nothing"), (0, 0));
    }
}
