//! `cargo xtask release-check`: what would be published, taken as its users will get it.
//!
//! Every crate is packaged and unpacked into one folder. There each is built and tested from its
//! package, against the packages of the others: a file that was not packaged, or a dependency
//! that only the workspace provides, fails here and not at a user's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use cargo_metadata::Package;

use super::cell::{Cell, Verdict};
use super::{checks, ray, rust, tidy};
use crate::repo;
use crate::shell::Shell;

/// All checks, the cheap ones first.
pub(crate) fn cells() -> anyhow::Result<Vec<Cell>> {
    let mut packages = repo::packages()?;
    packages.retain(repo::is_published);
    let names: Vec<String> = packages.iter().map(|package| package.name.to_string()).collect();
    let mut cells = checks::release_cells();
    cells.push(tidy::tidy_cell());
    cells.push(Cell::new("workspace/package", move |shell| package_all(shell, &names)));
    for package in &packages {
        cells.extend(from_package(package));
        cells.push(semver(package));
    }
    Ok(cells)
}

fn from_package(package: &Package) -> Vec<Cell> {
    let (name, folder) = (package.name.to_string(), package_folder());
    let docs = {
        let (name, folder) = (name.clone(), folder.clone());
        Cell::new(format!("{name}/package/docs"), move |shell| {
            let mut doc = repo::cargo_in(&folder);
            doc.args(["doc", "--no-deps", "--all-features", "-p", &name]);
            shell.run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
            Ok(Verdict::pass())
        })
    };
    // Those of Ray need a cluster: the matrix has them, on the sources.
    let suites = if name == ray::CRATE { vec!["--lib".to_owned()] } else { Vec::new() };
    let mut cells = rust::test_cells(package, &folder, "package/test", &suites);
    cells.push(docs);
    cells.extend(rust::combination_cells(package, &folder, "package/features"));
    cells
}

/// Whether the version says enough about the changes of the public API.
fn semver(package: &Package) -> Cell {
    let (name, manifest) = (package.name.to_string(), package.manifest_path.clone());
    Cell::new(format!("{name}/semver"), move |shell| {
        let changes = fs::read_to_string(manifest.with_file_name("CHANGELOG.md"))?;
        if tidy::versions(&changes).count() < 2 {
            return Ok(Verdict::Skip("the first version: nothing to compare with".to_owned()));
        }
        if !repo::has_cargo_tool("semver-checks") {
            return Ok(Verdict::Skip("cargo-semver-checks is not installed".to_owned()));
        }
        shell.run(repo::cargo().args(["semver-checks", "-p", &name]))?;
        Ok(Verdict::pass())
    })
}

/// Packages all of them and unpacks them into a workspace that knows no other sources of them.
fn package_all(shell: &mut Shell, names: &[String]) -> anyhow::Result<Verdict> {
    let folder = package_folder();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut cargo = repo::cargo();
    cargo.args(["package", "--no-verify", "--allow-dirty", "--target-dir"]).arg(&folder);
    shell.run(cargo.args(names.iter().flat_map(|name| ["-p", name])))?;
    let mut sizes = Vec::new();
    let mut patches = String::new();
    for package in repo::packages()?.iter().filter(|package| repo::is_published(package)) {
        let unpacked = format!("{}-{}", package.name, package.version);
        let archive = folder.join("package").join(format!("{unpacked}.crate"));
        shell.run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder))?;
        sizes.push(format!("{} {} KiB", package.name, fs::metadata(&archive)?.len() / 1024));
        patches += &format!("{} = {{ path = \"{unpacked}\" }}\n", package.name);
    }
    let manifest = format!("{WORKSPACE}[patch.crates-io]\n{patches}");
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(repo::top().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(Verdict::Pass(sizes.join(", ")))
}

/// The manifest around the unpacked packages; the versions of others are those of our lock file.
const WORKSPACE: &str = "\
[workspace]
resolver = \"3\"
members = [\"chia-*\"]

[profile.dev]
debug = \"line-tables-only\"

";

fn package_folder() -> PathBuf {
    repo::target().join("release-check")
}
