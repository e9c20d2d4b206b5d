//! The tutorial names cases of the conformance kit.

use chia_conformance::case_names;

#[test]
fn the_tutorial_names_cases_that_exist() {
    let tutorial = include_str!("../docs/write-your-own-backend.md");
    let named = tutorial.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit_once('`'));
    let named: Vec<_> = named.map(|(_, case)| case).collect();
    assert!(named.len() >= 8, "{named:?}");
    let unknown: Vec<_> =
        named.into_iter().filter(|name| case_names().all(|case| case != *name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
