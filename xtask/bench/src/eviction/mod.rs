//! What each eviction policy saves: traces of calls against a real store, at budgets of a part of all bytes.

mod trace;

use chia_cache::{ByteSize, Durability, NewEntry, Options, Origin, Policy, Store};

use crate::cache::place;
use crate::figure::{Aim, Figure};
use crate::report::Report;
use trace::Trace;

/// Budgets, in percent of all bytes of a trace.
const BUDGETS: [u64; 4] = [1, 5, 20, 50];

/// Runs every trace with both policies.
pub fn run(report: &mut Report) -> anyhow::Result<()> {
    for trace in trace::all() {
        for percent in BUDGETS {
            let lru = saved(&trace, percent, Policy::Lru)?;
            let ours = saved(&trace, percent, Policy::SavedTime)?;
            let case = format!("{}, budget {percent} % / lru", trace.name);
            let aim = (lru * 95.0).floor() / 100.0;
            report.add(Figure::versus(case, "%", ours, lru).aim(Aim::AtLeast(aim)));
        }
    }
    Ok(())
}

/// How much of the compute time of all calls a cache of this budget saves, in percent.
fn saved(trace: &Trace, percent: u64, policy: Policy) -> anyhow::Result<f64> {
    let folder = place::folder()?;
    let budget = (trace.bytes() * percent / 100).max(1);
    let options = Options::new(ByteSize::new(budget)).durability(Durability::Relaxed);
    let store = Store::open(folder.path(), options.policy(policy))?;
    let (mut saved, mut total) = (0.0, 0.0);
    for &at in &trace.calls {
        let (tag, call) = (at.to_string(), &trace.functions[at]);
        let seconds = call.cost.as_secs_f64();
        total += seconds;
        if store.read(&tag)?.is_some() {
            saved += seconds;
            continue;
        }
        let entry = NewEntry::new(Origin::Real).function("f").compute_time(call.cost);
        store.write(&tag, vec![at as u8; call.size], &entry)?;
    }
    Ok(100.0 * saved / total)
}
