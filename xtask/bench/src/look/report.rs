//! The report of a large run: the time to write it, and its size.

use chia_record::{CallEnd, CallStart, NodeInfo, Recorder, RunHeader};

use super::process::tool;
use crate::figure::{Aim, Figure};
use crate::report::Report;
use crate::timing::median;

const CALLS: u64 = 100_000;
const ROUNDS: usize = 3;

/// Measures `report` and `trace` of a run, beside the record itself.
pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let record = record(dir.path())?;
    let recorded = std::fs::metadata(&record)?.len() as f64;
    for (what, most) in [("report", Some(15 << 20)), ("trace", None)] {
        let file = dir.path().join(what);
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let args = [what.as_ref(), record.as_os_str(), "-o".as_ref(), file.as_os_str()];
            times.push(tool(dir.path(), &args)?.whole.as_nanos() as f64);
        }
        let case = format!("{what} of {CALLS} calls");
        report.add(Figure::alone(format!("{case}, time to write it"), "ns", median(times)));
        let bytes = std::fs::metadata(&file)?.len() as f64;
        let figure = Figure::versus(format!("{case}, size / the record"), "B", bytes, recorded);
        report.add(match most {
            Some(most) => figure.aim(Aim::AtMost(f64::from(most))),
            None => figure,
        });
    }
    Ok(())
}

/// Writes the record of a run of many calls on four nodes, of which two in three are replayed.
fn record(dir: &std::path::Path) -> anyhow::Result<std::path::PathBuf> {
    let nodes: Vec<String> = (0..4).map(|at| format!("node-{at}")).collect();
    let info = |name: &String| NodeInfo { name: name.clone(), resources: "cpu=8 gpu=1".into() };
    let header = RunHeader::new("bench").nodes(nodes.iter().map(info).collect());
    let recorder = Recorder::create(dir, header)?;
    for at in 0..CALLS {
        let (id, queued) = (recorder.next_id(), at * 20_000);
        let took = 100_000 + at * 7_919 % 300_000;
        let tag = format!("iter{}_call{}", at / 24, at % 24);
        let start =
            CallStart::new(id, queued, ["simulate", "build_core", "summarise"][at as usize % 3]);
        let start = start.tag(&tag).args([Some(u128::from(at) << 90)]).resources("cpu=1 gpu=1");
        recorder.start(&start.decision("replay", "provider").rule("rules.yaml:3:3"));
        let end = |how| CallEnd::new(id, queued + took, how).node(&nodes[at as usize % 4]);
        recorder.end_later(&match at % 3 {
            0 => {
                end("ran").took_us(took).bytes(1_024).miss("no entry has this tag").write("stored")
            }
            _ => end("replayed").took_us(900).saved_us(took).bytes(1_024),
        });
    }
    let path = recorder.path().to_owned();
    recorder.finish(Vec::new())?;
    let dropped = recorder.stats().dropped;
    anyhow::ensure!(dropped == 0, "{dropped} lines were dropped");
    Ok(path)
}
