//! The drawing of crates and modules in `ARCHITECTURE.md`: `cargo xtask drawing` writes it, and the
//! matrix holds it against the sources.

mod graph;
mod modules;

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use cargo_metadata::{DependencyKind, Package};
use graph::Graph;

use crate::repo;

/// What the drawing stands between.
const BEGIN: &str = "<!-- cargo xtask drawing -->\n```text\n";
const END: &str = "```\n<!-- end of the drawing -->";

/// Writes the drawing into the document.
pub(crate) fn run() -> anyhow::Result<()> {
    let text = fs::read_to_string(document())?;
    let (before, _, after) = split(&text)?;
    fs::write(document(), format!("{before}{}{after}", draw()?))?;
    println!("{} is up to date", document().display());
    Ok(())
}

/// Fails if the document shows something else than there is.
pub(crate) fn check() -> anyhow::Result<()> {
    let text = fs::read_to_string(document())?;
    let (_, shown, _) = split(&text)?;
    let drawn = draw()?;
    let differs = drawn.lines().find(|line| !shown.lines().any(|other| other == *line));
    let differs = differs.or_else(|| shown.lines().find(|l| !drawn.lines().any(|o| o == *l)));
    anyhow::ensure!(
        shown == drawn,
        "ARCHITECTURE.md shows another tree than there is (run `cargo xtask drawing`): {}",
        differs.unwrap_or("the order").trim()
    );
    Ok(())
}

fn document() -> PathBuf {
    repo::top().join("ARCHITECTURE.md")
}

/// What is before the drawing, the drawing, and what is after it.
fn split(text: &str) -> anyhow::Result<(&str, &str, &str)> {
    let missing = || format!("ARCHITECTURE.md lacks the lines `{}`", BEGIN.trim_end());
    let start = text.find(BEGIN).with_context(missing)? + BEGIN.len();
    let end = start + text[start..].find(END).with_context(missing)?;
    Ok((&text[..start], &text[start..end], &text[end..]))
}

/// Every library with what it depends on, the lowest first, and below it its modules with what they
/// use, the highest first.
fn draw() -> anyhow::Result<String> {
    let packages = repo::packages()?;
    let libraries: Vec<&Package> = packages.iter().filter(|package| is_library(package)).collect();
    let mut crates = Graph::default();
    for package in &libraries {
        crates.add(package.name.as_str());
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        for dependency in normal {
            if libraries.iter().any(|other| other.name.as_str() == dependency.name) {
                crates.connect(package.name.as_str(), &dependency.name);
            }
        }
    }
    let mut text = String::new();
    for name in crates.layers().into_iter().rev().flatten() {
        let package = libraries.iter().find(|package| package.name.as_str() == name);
        let folder =
            package.and_then(|p| p.manifest_path.parent()).context("a crate has a folder")?;
        text += &line("", &name, &crates.below(&name));
        text += &draw_modules(&modules::graph(&folder.join("src").into_std_path_buf())?);
    }
    Ok(text)
}

fn draw_modules(modules: &Graph) -> String {
    let layers = modules.layers();
    if modules.len() < 2 {
        return String::new();
    }
    let lines = layers.iter().map(|group| {
        // What uses each other stands on one line.
        let below = group.iter().flat_map(|name| modules.below(name));
        let mut below: Vec<String> = below.filter(|name| !group.contains(name)).collect();
        below.sort();
        below.dedup();
        line("    ", &group.join(" <-> "), &below)
    });
    lines.collect()
}

fn line(indent: &str, name: &str, below: &[String]) -> String {
    let arrow = if below.is_empty() { "" } else { " -> " };
    format!("{indent}{name}{arrow}{}\n", below.join(", "))
}

fn is_library(package: &Package) -> bool {
    let is_ours = package.name.as_str().starts_with("chia-");
    let folder = package.manifest_path.parent();
    is_ours
        && folder.is_some_and(|f| f.join("src/lib.rs").exists())
        && !folder.is_some_and(|f| f.starts_with(repo::top().join("xtask")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drawing_is_what_stands_between_its_marks() {
        let text = format!("before\n{BEGIN}a -> b\n{END}\nafter");
        let (before, shown, after) = split(&text).unwrap();
        assert!(before.ends_with("```text\n") && after.starts_with("```\n"));
        assert_eq!(shown, "a -> b\n");
        assert!(split("nothing").is_err());
    }

    #[test]
    fn modules_that_use_each_other_stand_on_one_line() {
        let mut graph = Graph::default();
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("a", "d")] {
            graph.connect(from, to);
        }
        assert_eq!(draw_modules(&graph), "    a -> b, d\n    b <-> c -> d\n    d\n");
    }
}
