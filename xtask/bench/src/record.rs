//! What the record of a run costs a call, in the thread that makes it.

use std::time::Duration;

use chia_record::{CallEnd, CallStart, Recorder, RunHeader};
use rustix::time::{ClockId, clock_gettime};

use crate::timing::{Side, interleaved};
use crate::{Aim, Figure, Report};

/// A typical line has about this many bytes; the reference writes two of them in one call.
const LINES: &[u8] = &[b'x'; 294];

/// Measures both lines of a call, beside a bare append of as many bytes.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let recorder = Recorder::create(dir.path(), RunHeader::new("bench"))?;
    let mut bare = std::fs::OpenOptions::new();
    let mut bare = bare.append(true).create(true).open(dir.path().join("bare"))?;
    let mut calls = 0u64;
    let times = interleaved(&mut [
        on_the_cpu(|| call(&recorder)),
        on_the_cpu(|| {
            // The figure is the time of the call; a full disk shows in the record's side.
            let _ = std::io::Write::write_all(&mut bare, LINES);
            calls += 1;
        }),
    ]);
    let case = "both lines of a call, CPU time, beside one bare append of as many bytes";
    let figure = Figure::versus(case, "ns", times[0], times[1]);
    report.add(figure.aim(Aim::AtMost(2_000.0)));
    recorder.finish(Vec::new())?;
    let stats = recorder.stats();
    let each = stats.bytes as f64 / (stats.lines as f64 / 2.0);
    report.add(Figure::alone("both lines of a call, size", "B", each).aim(Aim::AtMost(300.0)));
    anyhow::ensure!(stats.dropped == 0, "{} lines were dropped", stats.dropped);
    Ok(())
}

fn call(recorder: &Recorder) {
    let id = recorder.next_id();
    let hash = u128::from(id) << 90;
    recorder.start(
        &CallStart::new(id, recorder.now_us(), "run_verilator_test")
            .tag("iter12_call34")
            .decision("replay", "provider")
            .rule("rules.yaml:12:5")
            .args([Some(hash), Some(hash + (1 << 85))]),
    );
    let end = CallEnd::new(id, recorder.now_us(), "ran").node("node-0").waited_us(321);
    recorder.end(&end.took_us(81_234).bytes(1_024).write("stored"));
}

/// As [`side`](crate::timing::side), by the time that this thread is on a CPU: other load on the
/// machine does not count.
fn on_the_cpu<'a>(mut work: impl FnMut() + 'a) -> Side<'a> {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    };
    Box::new(move |times| {
        let start = now();
        (0..times).for_each(|_| work());
        now().saturating_sub(start)
    })
}
