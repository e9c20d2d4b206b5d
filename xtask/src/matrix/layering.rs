//! What a crate must not pull in, checked in its dependency tree.

use super::cell::{Cell, Verdict};
use crate::repo;

const YAML: &[&str] = &["saphyr-parser", "yaml_serde", "serde_yaml"];
const RAY: &[&str] = &["chia-ray", "pyo3", "pyo3-ffi"];
const TOKIO: &[&str] = &["tokio"];
const REDB: &[&str] = &["redb"];
const PICKLE: &[&str] = &["serde-pickle"];
const REGEX: &[&str] = &["regex", "regex-automata", "fancy-regex"];

/// A crate, the features to look at, and the packages that must not be below it.
struct Layer {
    krate: &'static str,
    variant: &'static str,
    features: &'static str,
    without: &'static [&'static [&'static str]],
}

const fn layer(krate: &'static str, without: &'static [&'static [&'static str]]) -> Layer {
    Layer { krate, variant: "all-features", features: "--all-features", without }
}

/// The crates from the bottom up.
const LAYERS: &[Layer] = &[
    layer("chia-fullmatch", &[TOKIO, REDB, YAML, RAY, &["serde"]]),
    layer("chia-config", &[TOKIO, REDB, RAY]),
    layer("chia-cache", &[TOKIO, YAML, REGEX, RAY]),
    layer("chia-bypass", &[TOKIO, REDB, RAY]),
    // What the author of a backend compiles.
    layer("chia-dispatch", &[TOKIO, REDB, YAML, REGEX, PICKLE, RAY]),
    layer("chia-local", &[REDB, YAML, REGEX, PICKLE, RAY]),
    layer("chia-wire", &[REDB, YAML, REGEX, PICKLE, RAY]),
    layer("chia-pool", &[REDB, YAML, REGEX, PICKLE, RAY]),
    layer("chia-record", &[TOKIO, REDB, YAML, REGEX, PICKLE, RAY]),
    layer("chia-cli", &[RAY]),
    layer("chia-services", &[YAML, REGEX, RAY]),
    layer("chia-loop", &[RAY]),
    Layer {
        krate: "chia-conformance",
        variant: "default",
        features: "--no-default-features",
        without: &[REDB, YAML, REGEX, PICKLE, RAY],
    },
    layer("chia-ray", &[REDB, YAML, REGEX, PICKLE, &["pyo3", "pyo3-ffi"]]),
];

/// A cell for each layer.
pub(crate) fn cells() -> Vec<Cell> {
    LAYERS.iter().map(cell).collect()
}

fn cell(layer: &'static Layer) -> Cell {
    Cell::new(format!("{}/layering/{}", layer.krate, layer.variant), |shell| {
        let args = ["tree", "-e", "normal", "--prefix", "none", "-p", layer.krate, layer.features];
        let tree = shell.output(repo::cargo().args(args))?;
        let found = intruders(&tree, layer.without);
        anyhow::ensure!(found.is_empty(), "must not pull in {}", found.join(", "));
        let count = repo::tree_packages(&tree).count();
        Ok(Verdict::Pass(format!("{count} packages")))
    })
}

fn intruders<'t>(tree: &'t str, without: &[&[&str]]) -> Vec<&'t str> {
    let unwanted = |name: &&str| without.iter().any(|names| names.contains(name));
    let names: std::collections::BTreeSet<&str> =
        repo::tree_packages(tree).map(|(name, _)| name).filter(unwanted).collect();
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
chia-dispatch v0.1.0 (/somewhere/chia-dispatch)
async-trait v0.1.92 (proc-macro)
tokio v1.54.0
bytes v1.12.0
tokio v1.54.0 (*)
tokio-util v0.7.0

";

    #[test]
    fn packages_are_matched_by_their_whole_name_and_named_once() {
        assert_eq!(intruders(TREE, &[TOKIO, REDB]), ["tokio"]);
        assert!(intruders(TREE, &[&["chia", "async"], YAML]).is_empty());
    }

    #[test]
    fn lines_of_the_tree_are_name_and_version() {
        let packages: Vec<_> = repo::tree_packages(TREE).collect();
        assert_eq!(packages[0], ("chia-dispatch", "0.1.0"));
        assert_eq!(packages[1], ("async-trait", "0.1.92"));
        assert_eq!(packages.len(), 6);
    }
}
