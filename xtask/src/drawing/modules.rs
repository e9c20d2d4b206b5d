//! Which module of a crate uses which, from the paths in its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::graph::Graph;

/// The top modules of the crate in `src`, each with those it names by `crate::` or `super::`.
pub(super) fn graph(src: &Path) -> anyhow::Result<Graph> {
    let lib = code(&fs::read_to_string(src.join("lib.rs"))?);
    let names = declared(&lib);
    let exports = exports(&lib, &names);
    let mut graph = Graph::default();
    for name in &names {
        graph.add(name);
        for (depth, text) in files(src, name)? {
            for used in used(&code(&text), depth) {
                let module = if names.contains(&used) { Some(&used) } else { exports.get(&used) };
                if let Some(module) = module {
                    graph.connect(name, module);
                }
            }
        }
    }
    Ok(graph)
}

/// Source without comments and tests.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The modules that a file declares, those of tests left out.
fn declared(lib: &str) -> BTreeSet<String> {
    let mut before = "";
    let mut found = BTreeSet::new();
    for line in lib.lines().map(str::trim) {
        let words: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
        if let [.., "mod", name] = words.as_slice()
            && line.ends_with(';')
            && before != "#[cfg(test)]"
        {
            found.insert((*name).to_owned());
        }
        before = line;
    }
    found
}

/// The items that the crate's root takes from its modules.
fn exports(lib: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for item in lib.split(';') {
        let Some((_, path)) = item.split_once("use ") else { continue };
        let module = identifier(path);
        if modules.contains(module) {
            let words = path.split(|c: char| !is_part(c)).filter(|word| !word.is_empty());
            found.extend(words.skip(1).map(|word| (word.to_owned(), module.to_owned())));
        }
    }
    found
}

/// The sources of a top module, each with how many `super::` lead to the root.
fn files(src: &Path, module: &str) -> anyhow::Result<Vec<(usize, String)>> {
    let mut found = Vec::new();
    let file = src.join(format!("{module}.rs"));
    if file.exists() {
        found.push((1, fs::read_to_string(file)?));
    }
    let mut open: Vec<(usize, PathBuf)> = vec![(1, src.join(module))];
    while let Some((depth, folder)) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                open.push((depth + 1, path));
            } else if name == "mod.rs" {
                found.push((depth, fs::read_to_string(path)?));
            } else if name.ends_with(".rs") && name != "tests.rs" {
                found.push((depth + 1, fs::read_to_string(path)?));
            }
        }
    }
    Ok(found)
}

/// The first names of all paths that begin at the root.
fn used(code: &str, depth: usize) -> BTreeSet<String> {
    let up = "super::".repeat(depth);
    let from_root = paths(code, "crate::");
    let from_here = paths(code, &up);
    from_root.chain(from_here).flat_map(heads).collect()
}

/// What follows each whole `prefix`.
fn paths<'c>(code: &'c str, prefix: &str) -> impl Iterator<Item = &'c str> {
    code.match_indices(prefix).filter_map(move |(at, found)| {
        let before = code[..at].chars().next_back();
        let is_whole = !before.is_some_and(|c| is_part(c) || c == ':');
        is_whole.then(|| &code[at + found.len()..])
    })
}

/// The first name of a path, or of each path of a group.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return vec![identifier(path).to_owned()] };
    let mut heads = Vec::new();
    let (mut depth, mut is_start) = (0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            c if is_start && is_part(c) => {
                heads.push(identifier(&group[at..]).to_owned());
                is_start = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> &str {
    text.split(|c| !is_part(c)).next().unwrap_or_default()
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn uses_are_found_in_groups_in_paths_and_upwards_but_not_in_comments_and_tests() {
        let text = "\
use crate::{a::{x, y}, b, c::d::E};
use super::super::f::G;
// crate::not
fn x() { my_crate::not(); crate::h::i(); super::not(); let url = \"https://j\"; }

#[cfg(test)]
mod tests { use crate::not; }
";
        assert_eq!(used(&code(text), 2), set(&["a", "b", "c", "f", "h"]));
    }

    #[test]
    fn the_root_says_which_modules_there_are_and_what_it_takes_from_them() {
        let lib = "mod a;\npub mod b;\n#[cfg(test)]\nmod t;\npub use a::{Error, Result as R};\nuse std::fmt;\n";
        let names = declared(lib);
        assert_eq!(names, set(&["a", "b"]));
        let exports = exports(lib, &names);
        assert_eq!(exports.get("Error").map(String::as_str), Some("a"));
        assert_eq!(exports.get("fmt"), None);
    }
}
