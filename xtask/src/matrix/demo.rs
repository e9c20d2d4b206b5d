//! The demo as a cell: the two examples run, and their JSON says what it must say.

use anyhow::{Context, ensure};
use cargo_metadata::{Package, TargetKind};
use serde_json::Value;

use super::cell::{Cell, Verdict};
use crate::repo;
use crate::shell::Shell;

/// A cell for each backend whose crate has the examples.
pub(crate) fn cells(packages: &[Package]) -> Vec<Cell> {
    let hosts = [("chia-loop", "local", "bypass_cache"), ("chia-ray", "ray", "ray_bypass_cache")];
    let has_example = |name: &str, example: &str| {
        let package = packages.iter().find(|package| package.name.as_str() == name);
        let mut targets = package.into_iter().flat_map(|package| &package.targets);
        targets.any(|t| t.kind.contains(&TargetKind::Example) && t.name == example)
    };
    let cell = |(name, backend, _): (&str, &'static str, &str)| {
        Cell::new(format!("{name}/demo/{backend}"), move |shell| demo(shell, backend))
            .backend(backend)
    };
    hosts.into_iter().filter(|(name, _, example)| has_example(name, example)).map(cell).collect()
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

/// Holds what the runs report against what they are.
fn judge(text: &str) -> anyhow::Result<()> {
    let runs: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let find = |example: &str, name: &str| {
        let found = runs.iter().find(|run| run["example"] == example && run["run"] == name);
        found.with_context(|| format!("no run `{name}` of {example}"))
    };
    let counts = ["calls", "ran", "replayed", "written", "failed"];
    let (cold, warm) = (find("bypass_cache", "cold")?, find("bypass_cache", "warm")?);
    expect(cold, "cold", &counts, &[16, 16, 0, 16, 0])?;
    expect(warm, "warm", &counts, &[16, 8, 8, 0, 0])?;
    let stale = ["ran", "replayed", "stale"];
    expect(find("bypass_cache", "changed")?, "changed", &stale, &[8, 8, 8])?;
    expect(find("bypass_cache", "checked")?, "checked", &stale, &[16, 0, 0])?;
    let resumed = find("bypass_cache", "resumed")?;
    expect(resumed, "resumed", &["calls", "failed"], &[16, 0])?;
    let number = |run: &Value, field: &str| run[field].as_u64().unwrap_or_default();
    let finished = number(find("bypass_cache", "killed")?, "finished");
    let replayed = number(resumed, "replayed");
    ensure!(replayed >= finished, "{finished} calls were finished, {replayed} were replayed");
    for run in [warm, resumed] {
        ensure!(cold["results"] == run["results"], "run {} has other results", run["run"]);
    }
    ensure!(cold["results"].as_array().map(Vec::len) == Some(16), "there are not 16 results");
    let (search, again) = (find("design_space", "cold")?, find("design_space", "warm")?);
    expect(search, "the search", &["failed", "replayed"], &[0, 0])?;
    expect(again, "the second search", &["failed", "ran"], &[0, 0])?;
    ensure!(search["results"] == again["results"], "the second search finds something else");
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

    fn printed(warm_ran: u64, last: u64, resumed_ran: u64) -> String {
        printed_stale(warm_ran, last, resumed_ran, 8)
    }

    fn printed_stale(warm_ran: u64, last: u64, resumed_ran: u64, changed_stale: u64) -> String {
        let compared = |name: &str, ran: u64, stale: u64| {
            serde_json::json!({"example": "bypass_cache", "run": name, "ran": ran,
                "replayed": 16 - ran, "stale": stale})
        };
        let run = |name: &str, ran: u64, written: u64, last: u64| {
            let results: Vec<u64> = (1..16).chain([last]).collect();
            serde_json::json!({"example": "bypass_cache", "run": name, "calls": 16, "ran": ran,
                "replayed": 16 - ran, "written": written, "failed": 0, "results": results})
        };
        let search = |name: &str, ran: u64, replayed: u64| {
            serde_json::json!({"example": "design_space", "run": name, "ran": ran,
                "replayed": replayed, "failed": 0, "results": ["a", "b"]})
        };
        let runs = [
            serde_json::json!({"example": "bypass_cache", "run": "killed", "finished": 6}),
            compared("changed", 8, changed_stale),
            compared("checked", 16, 0),
            run("resumed", resumed_ran, resumed_ran, 16),
            run("cold", 16, 16, 16),
            run("warm", warm_ran, 0, last),
            search("cold", 22, 0),
            search("warm", 0, 22),
        ];
        runs.map(|run| format!("{run}\n")).concat()
    }

    #[test]
    fn a_demo_is_judged_by_its_counts_and_results() {
        judge(&printed(8, 16, 10)).unwrap();
        let error = |text: &str| judge(text).unwrap_err().to_string();
        assert_eq!(error(&printed(16, 16, 10)), "warm: ran is 16, not 8");
        assert_eq!(error(&printed(8, 17, 10)), "run \"warm\" has other results");
        assert_eq!(error(&printed(8, 16, 11)), "6 calls were finished, 5 were replayed");
        let unnoticed = printed_stale(8, 16, 10, 0);
        assert_eq!(error(&unnoticed), "changed: stale is 0, not 8");
        assert_eq!(error("{}\n"), "no run `cold` of bypass_cache");
    }
}
