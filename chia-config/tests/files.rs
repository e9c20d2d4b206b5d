//! Every file under `accept/` and `reject/` against the file beside it with what is expected. `BLESS=1 cargo test -p chia-config --test files` writes what is expected anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use chia_config::{Argument, Config, TagPatterns};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn parse(file: &Path) -> Result<Config, chia_config::ConfigError> {
    let text = fs::read_to_string(file).expect("the file is text");
    let name = file.file_name().expect("a file has a name").to_string_lossy();
    Config::parse(&text, &name, "/base")
}

/// Compares with the file beside, or writes it; gives back what is wrong.
fn check(file: &Path, extension: &str, found: &str) -> Option<String> {
    let beside = file.with_extension(extension);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&beside, found).expect("the folder is writable");
    }
    let expected = fs::read_to_string(&beside).unwrap_or_default();
    (expected != found).then(|| format!("{}:\n{found}", beside.display()))
}

/// The rules in a form for people, by name.
fn dump(config: &Config) -> String {
    let tags = |tags: Option<&TagPatterns>| {
        let texts =
            |tags: &TagPatterns| tags.patterns().iter().map(|p| p.text().to_owned()).collect();
        tags.map(texts).map_or(String::new(), |tags: Vec<_>| format!(" tags {tags:?}"))
    };
    let ignored = |arguments: &[Argument]| {
        arguments.iter().fold(String::new(), |text, a| format!("{text} ignore {:?}", a.key()))
    };
    let state = |on| if on { "on" } else { "off" };
    let mut lines: Vec<_> = config
        .bypass_rules()
        .map(|(name, rule)| {
            let data =
                rule.data().map_or(String::new(), |data| format!(" data {}", data.display()));
            let (state, tags) = (state(rule.enabled()), tags(rule.tags()));
            let check = rule.check().map_or(String::new(), |check| format!(" {check:?}"));
            let ignored = ignored(rule.ignored());
            let rehearsal = rule.rehearsal().map_or(String::new(), |r| format!(" {r:?}"));
            format!(
                "bypass {name} {state}{tags}{data}{check}{ignored}{rehearsal} @ {}\n",
                rule.location()
            )
        })
        .chain(config.cache_rules().map(|(name, rule)| {
            let (state, tags) = (state(rule.enabled()), tags(rule.tags()));
            let auto = if rule.auto_tag() { " auto" } else { "" };
            let ignored = ignored(rule.ignored());
            format!("cache {name} {state}{tags}{auto}{ignored} @ {}\n", rule.location())
        }))
        .collect();
    lines.sort();
    let mut dump = lines.concat();
    for warning in config.warnings() {
        write!(dump, "\n{warning}\n").expect("writing to a string");
    }
    dump
}

#[test]
fn r01_accepted_files_give_the_expected_rules() {
    let files = files("accept");
    assert!(files.len() > 10);
    let wrong: Vec<_> = files
        .iter()
        .filter_map(|file| match parse(file) {
            Ok(config) => check(file, "rules", &dump(&config)),
            Err(error) => Some(format!("{}:\n{error}", file.display())),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn r02_rejected_files_give_the_expected_reports() {
    let files = files("reject");
    assert!(files.len() > 15);
    let wrong: Vec<_> = files
        .iter()
        .filter_map(|file| match parse(file) {
            Ok(_) => Some(format!("{} is accepted", file.display())),
            Err(error) => check(file, "stderr", &format!("{error}\n")),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn r02_ten_mistakes_are_ten_located_errors_in_one_report() {
    let file = files("reject").into_iter().find(|file| file.ends_with("ten_mistakes.yaml"));
    let error = parse(&file.expect("the file is there")).expect_err("it is full of mistakes");
    let places: Vec<_> = error
        .diagnostics()
        .iter()
        .map(|problem| (problem.location().line(), problem.location().column()))
        .collect();
    let expected =
        [(2, 8), (4, 13), (5, 5), (8, 12), (8, 21), (8, 34), (9, 32), (10, 3), (14, 5), (15, 1)];
    assert_eq!(places, expected);
    let report = error.to_string();
    for (line, column) in expected {
        assert!(report.contains(&format!("--> ten_mistakes.yaml:{line}:{column}\n")), "{report}");
    }
}
