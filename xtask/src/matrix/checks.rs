//! Checks of the whole workspace that cargo and its helpers make.

use super::cell::{Cell, Verdict};
use crate::repo;
use crate::shell::Shell;

/// Format, lints, documentation, dependencies.
pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("workspace/fmt", |shell| {
            shell.run(repo::cargo().args(["fmt", "--all", "--", "--check"]))?;
            Ok(Verdict::pass())
        }),
        Cell::new("workspace/msrv", msrv),
        Cell::new("workspace/deny", deny),
        Cell::new("workspace/clippy", |shell| {
            let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--"];
            shell.run(repo::cargo().args(args).args(["-D", "warnings"]))?;
            Ok(Verdict::pass())
        }),
        Cell::new("workspace/docs", |shell| {
            let args = ["doc", "--workspace", "--no-deps", "--all-features"];
            shell.run(repo::cargo().args(args).env("RUSTDOCFLAGS", "-D warnings"))?;
            Ok(Verdict::pass())
        }),
    ]
}

/// What else must hold on the day of a release: no known vulnerability, nothing yanked.
pub(crate) fn release_cells() -> Vec<Cell> {
    vec![Cell::new("workspace/deny", deny), Cell::new("workspace/advisories", advisories)]
}

fn advisories(shell: &mut Shell) -> anyhow::Result<Verdict> {
    if !repo::has_cargo_tool("deny") {
        return Ok(Verdict::Skip(NO_DENY.to_owned()));
    }
    let checked = shell.run(repo::cargo().args(["deny", "--all-features", "check", "advisories"]));
    if checked.is_err() && shell.text().contains("failed to fetch advisory database") {
        return Ok(Verdict::Skip("the advisory database cannot be reached".to_owned()));
    }
    checked.map(|()| Verdict::pass())
}

const NO_DENY: &str = "cargo-deny is not installed (cargo install cargo-deny)";

/// Licences, sources, duplicates.
fn deny(shell: &mut Shell) -> anyhow::Result<Verdict> {
    if !repo::has_cargo_tool("deny") {
        return Ok(Verdict::Skip(NO_DENY.to_owned()));
    }
    shell.run(repo::cargo().args([
        "deny",
        "--all-features",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))?;
    Ok(Verdict::Pass("licences, bans, sources".to_owned()))
}

/// No dependency of a published crate asks for a newer compiler than we declare.
/// Our own code is held to it by clippy's `incompatible_msrv`, on the toolchain at hand.
fn msrv(shell: &mut Shell) -> anyhow::Result<Verdict> {
    let ours = repo::packages()?;
    let mut newer = Vec::new();
    let all = repo::metadata()?;
    for package in ours.iter().filter(|package| repo::is_published(package)) {
        let Some(declared) = &package.rust_version else {
            anyhow::bail!("{} declares no rust-version", package.name);
        };
        let args = ["tree", "--all-features", "-e", "normal,build", "--prefix", "none"];
        let tree = shell.output(repo::cargo().args(args).args(["-p", &package.name]))?;
        for dependency in repo::tree_packages(&tree) {
            let wants = |p: &&cargo_metadata::Package| {
                (p.name.as_str(), p.version.to_string()) == (dependency.0, dependency.1.to_owned())
                    && p.rust_version.as_ref().is_some_and(|wanted| wanted > declared)
            };
            newer.extend(all.packages.iter().find(wants).map(|p| {
                format!(
                    "{} {} below {} wants Rust {:?}",
                    p.name, p.version, package.name, p.rust_version
                )
            }));
        }
    }
    anyhow::ensure!(newer.is_empty(), "{}", newer.join("\n"));
    Ok(Verdict::pass())
}
