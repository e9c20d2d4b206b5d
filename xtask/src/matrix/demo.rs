//! The demo as a cell: the two examples run, and their JSON says what it must say.

use anyhow::{Context, ensure};
use cargo_metadata::{Package, TargetKind};
use serde_json::Value;

use super::cell::{Cell, Verdict};
use crate::repo;
use crate::shell::Shell;

/// A cell for each backend whose crate has the examples.
pub(crate) fn cells(packages: &[Package]) -> Vec<Cell> {
    let hosts = [("chia-loop", "local"), ("chia-ray", "ray")];
    let has_example = |name: &str| {
        let package = packages.iter().find(|package| package.name.as_str() == name);
        let mut targets = package.into_iter().flat_map(|package| &package.targets);
        targets.any(|t| t.kind.contains(&TargetKind::Example) && t.name == "bypass_cache")
    };
    let cell = |(name, backend): (&str, &'static str)| {
        Cell::new(format!("{name}/demo/{backend}"), move |shell| demo(shell, backend))
            .backend(backend)
    };
    hosts.into_iter().filter(|(name, _)| has_example(name)).map(cell).collect()
}

fn demo(shell: &mut Shell, backend: &str) -> anyhow::Result<Verdict> {
    let caches = repo::target().join("matrix/demo").join(backend);
    // By way of cargo: another cell may have built this program anew in its place.
    let mut xtask = repo::cargo();
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "demo", "--json"]);
    xtask.args(["--backend", backend, "--cache-dir"]).arg(caches);
    let text = shell.output(&mut xtask)?;
    shell.say(&text)?;
    judge(&text)?;
    Ok(Verdict::pass())
}

/// Holds what the examples print against what a cold and a warm run are.
fn judge(text: &str) -> anyhow::Result<()> {
    let runs: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [cold, warm, search] = runs.as_slice() else {
        anyhow::bail!("{} runs instead of three", runs.len());
    };
    let counts = ["calls", "ran", "replayed", "written", "failed"];
    expect(cold, "cold", &counts, &[16, 16, 0, 16, 0])?;
    expect(warm, "warm", &counts, &[16, 8, 8, 0, 0])?;
    expect(search, "design_space", &["failed"], &[0])?;
    ensure!(cold["results"] == warm["results"], "the warm run has other results than the cold one");
    let results = cold["results"].as_array().context("no results")?;
    ensure!(results.len() == 16, "{} results instead of 16", results.len());
    Ok(())
}

fn expect(run: &Value, name: &str, fields: &[&str], numbers: &[u64]) -> anyhow::Result<()> {
    for (field, number) in fields.iter().zip(numbers) {
        ensure!(run[field] == *number, "{name}: {field} is {}, not {number}", run[field]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(warm_ran: u64, last: u64) -> String {
        let results = |last: u64| (1..16).chain([last]).collect::<Vec<_>>();
        let run = |ran: u64, written: u64, last: u64| {
            let replayed = 16 - ran;
            serde_json::json!({"calls": 16, "ran": ran, "replayed": replayed, "written": written,
                "failed": 0, "results": results(last)})
        };
        format!("{}\n{}\n{}\n", run(16, 16, 16), run(warm_ran, 0, last), r#"{"failed":0}"#)
    }

    #[test]
    fn a_demo_is_judged_by_its_counts_and_results() {
        judge(&printed(8, 16)).unwrap();
        let error = judge(&printed(16, 16)).unwrap_err();
        assert_eq!(error.to_string(), "warm: ran is 16, not 8");
        let error = judge(&printed(8, 17)).unwrap_err();
        assert_eq!(error.to_string(), "the warm run has other results than the cold one");
        assert!(judge("{}\n").is_err());
    }
}
