//! The rules of this repository that no other tool knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use cargo_metadata::Package;
use cargo_metadata::camino::Utf8Path;

use super::cell::{Cell, Verdict};
use crate::drawing;
use crate::repo;
use crate::shell::Shell;

/// The promises to users are numbered from 1 to this.
const RULES: u32 = 25;

/// Lines that a source file may have, its tests left out.
const LONGEST: usize = 600;

/// Features that a crate may have, its default aside.
const MOST_FEATURES: usize = 2;

/// Folders that hold nothing of ours, besides the hidden ones.
const FOREIGN: [&str; 3] = ["target", "corpus", "artifacts"];

/// The rules of the repository, a cell each.
pub(crate) fn cells() -> Vec<Cell> {
    vec![
        Cell::new("workspace/rules", |_| {
            let missing = missing_rules(&library_sources()?).join(", ");
            ensure!(missing.is_empty(), "no test names {missing} (`fn r04_…`)");
            Ok(Verdict::pass())
        }),
        Cell::new("workspace/drawing", |_| drawing::check().map(|()| Verdict::pass())),
        tidy_cell(),
    ]
}

/// Sources, changelogs, READMEs and links.
pub(crate) fn tidy_cell() -> Cell {
    Cell::new("workspace/tidy", tidy)
}

fn tidy(_: &mut Shell) -> anyhow::Result<Verdict> {
    let mut problems = Vec::new();
    for (path, text) in sources()? {
        let path = path.strip_prefix(repo::top())?.display().to_string();
        problems.extend(source_problems(&text).into_iter().map(|p| format!("{path}: {p}")));
    }
    for package in repo::packages()?.iter().filter(|package| repo::is_published(package)) {
        problems.extend(package_problems(package)?);
    }
    problems.extend(broken_links()?);
    judged(problems)
}

fn judged(problems: Vec<String>) -> anyhow::Result<Verdict> {
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(Verdict::pass())
}

/// The rules that no test names (`fn r04_…` in Rust, `def test_r04_…` in Python).
fn missing_rules(sources: &[(PathBuf, String)]) -> Vec<String> {
    let named = |rule: &u32| {
        let (rust, python) = (format!("fn r{rule:02}_"), format!("def test_r{rule:02}_"));
        sources.iter().any(|(_, text)| text.contains(&rust) || text.contains(&python))
    };
    let missing = (1..=RULES).filter(|rule| !named(rule));
    missing.map(|rule| format!("R{rule}")).collect()
}

fn source_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().count();
    if lines > LONGEST {
        problems.push(format!("{lines} lines without tests, {LONGEST} are enough"));
    }
    for marker in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        let at = text
            .lines()
            .position(|line| line.split(|c: char| !c.is_alphanumeric()).any(|w| w == marker));
        problems.extend(at.map(|line| format!("line {}: a {marker}", line + 1)));
    }
    problems
}

/// What a reader of the registry's page relies on.
fn package_problems(package: &Package) -> anyhow::Result<Vec<String>> {
    let folder = package.manifest_path.parent().map_or(Path::new(""), Utf8Path::as_std_path);
    let changes = fs::read_to_string(folder.join("CHANGELOG.md")).unwrap_or_default();
    let mut problems = Vec::new();
    if !versions(&changes).any(|version| version == package.version.to_string()) {
        problems.push(format!("{}: CHANGELOG.md lacks {}", package.name, package.version));
    }
    let lib = fs::read_to_string(folder.join("src/lib.rs")).unwrap_or_default();
    if !lib.contains("#![doc = include_str!(\"../README.md\")]") {
        problems.push(format!("{}: README.md is not the crate's documentation", package.name));
    }
    let features = package.features.keys().filter(|name| *name != "default").count();
    if features > MOST_FEATURES {
        problems.push(format!("{}: {features} features, {MOST_FEATURES} are enough", package.name));
    }
    if package.name.as_str() == "chia-bypass" {
        let io = ["std::fs", "std::net", "std::process", "std::io"];
        let source = sources_below(&folder.join("src"))?;
        let used = |name: &&str| source.iter().any(|(_, text)| text.contains(*name));
        problems.extend(
            io.iter().filter(|n| used(n)).map(|n| format!("chia-bypass uses {n}: it does no I/O")),
        );
    }
    Ok(problems)
}

/// The versions that a changelog tells of: `## 0.1.0`, `## [0.1.0] - 2026-01-01`.
pub(crate) fn versions(changelog: &str) -> impl Iterator<Item = &str> {
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let words = headings.filter_map(|heading| heading.split(' ').next());
    let bare = words.map(|word| word.trim_matches(['[', ']']));
    bare.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

/// Links in Markdown files to files that are not there.
fn broken_links() -> anyhow::Result<Vec<String>> {
    let mut broken = Vec::new();
    for path in files_below(repo::top(), &["md"])? {
        let folder = path.parent().unwrap_or(repo::top());
        let text = fs::read_to_string(&path)?;
        for link in local_links(&text) {
            if !folder.join(link).exists() {
                let path = path.strip_prefix(repo::top())?.display();
                broken.push(format!("{path}: a link to {link}, which is not there"));
            }
        }
    }
    Ok(broken)
}

/// The targets of `[…](…)` that are files: neither addresses nor items of the documentation.
fn local_links(markdown: &str) -> BTreeSet<&str> {
    let targets = markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    let is_file = |t: &&str| t.contains(['.', '/']) && !t.contains("::") && !t.contains("://");
    files.filter(is_file).filter(|t| !t.contains(['`', '\n', ' '])).collect()
}

/// Those of the crates that users get.
fn library_sources() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut all = sources()?;
    all.retain(|(path, _)| !path.starts_with(repo::top().join("xtask")));
    Ok(all)
}

/// Path and text of every Rust and Python source.
fn sources() -> anyhow::Result<Vec<(PathBuf, String)>> {
    sources_below(repo::top())
}

fn sources_below(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    read_all(files_below(folder, &["rs", "py"])?)
}

/// Path and text of every file of ours with one of these extensions.
pub(crate) fn files(extensions: &[&str]) -> anyhow::Result<Vec<(PathBuf, String)>> {
    read_all(files_below(repo::top(), extensions)?)
}

fn read_all(paths: Vec<PathBuf>) -> anyhow::Result<Vec<(PathBuf, String)>> {
    paths.into_iter().map(|path| Ok((path.clone(), fs::read_to_string(path)?))).collect()
}

fn files_below(folder: &Path, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !FOREIGN.contains(&name.as_ref()) {
            found.extend(files_below(&path, extensions)?);
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_counts_when_a_test_of_either_language_names_it() {
        let source = |text: &str| (PathBuf::new(), text.to_owned());
        let all: Vec<_> = (1..=23).map(|n| source(&format!("fn r{n:02}_x()"))).collect();
        let missing = missing_rules(
            &[all, vec![source("def test_r24_y():"), source("fn r250_z()")]].concat(),
        );
        assert_eq!(missing, ["R25"]);
    }

    #[test]
    fn tests_do_not_count_as_lines_and_markers_are_whole_words() {
        let tests =
            format!("{}\n#[cfg(test)]\nmod tests {{\n{}", "x\n".repeat(9), "y\n".repeat(900));
        assert!(source_problems(&tests).is_empty());
        let long = source_problems(&"x\n".repeat(601));
        assert_eq!(long, ["601 lines without tests, 600 are enough"]);
        let marked = format!("a\n// {}: b\nMA{}S", concat!("TO", "DO"), concat!("TO", "DO"));
        assert_eq!(source_problems(&marked), [format!("line 2: a {}", concat!("TO", "DO"))]);
    }

    #[test]
    fn a_changelog_is_read_by_its_headings() {
        let text =
            "# Changes\n## [Unreleased]\n## [0.2.0] - 2026-11-22\n- 0.1.9\n## 0.1.0\n### 0.0.1";
        assert_eq!(versions(text).collect::<Vec<_>>(), ["0.2.0", "0.1.0"]);
    }

    #[test]
    fn only_links_to_files_are_followed() {
        let text =
            "[a](docs/A.md#top) [b](https://x.y/z) [c](#here) ![d](e.png) [E](crate::E) [F](F)";
        assert_eq!(local_links(text), BTreeSet::from(["docs/A.md", "e.png"]));
    }
}
