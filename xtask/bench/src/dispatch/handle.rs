//! The loop handle: decision, encoding both ways, backend, worker side.

use std::any::Any;
use std::sync::Arc;

use chia_loop::{Chia, Function, LocalBackend, Registry, Resources, Worker};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{IN_FLIGHT, batches};
use crate::{Aim, Figure, Report, timing};

async fn next(value: u64) -> u64 {
    value + 1
}

static NEXT: Function<(u64,), u64> = Function::new("next", &next);

/// Nobody gets a permit: its end lets all waiting calls through.
static GATE: Semaphore = Semaphore::const_new(0);

async fn gate(value: u64) -> u64 {
    let _ = GATE.acquire().await;
    value
}

static WAIT: Function<(u64,), u64> = Function::new("wait", &gate);

/// Adds the figures of the loop handle.
pub(super) fn run(report: &mut Report, runtime: &Runtime) -> anyhow::Result<()> {
    let chia = runtime.block_on(start(None))?;
    for calls in IN_FLIGHT {
        report.progress(&format!("loop handle, {calls} in flight"));
        let medians = timing::interleaved(&mut [
            batches(runtime, calls, |rounds| called(chia.clone(), calls, rounds)),
            batches(runtime, calls, |rounds| spawned(calls, rounds)),
        ]);
        let (ours, bare) = (medians[0], medians[1]);
        let case = format!("loop handle: call and get, {calls} in flight, beside tokio::spawn");
        report.add(Figure::versus(case, "ns", ours, bare));
        let case = format!("loop handle: overhead per call, {calls} in flight");
        report.add(Figure::alone(case, "ns", ours - bare).aim(Aim::AtMost(5_000.0)));
    }
    Ok(())
}

async fn start(cpus: Option<f64>) -> anyhow::Result<Chia> {
    let worker = Worker::new(Registry::new().function(&NEXT).function(&WAIT));
    let host = Arc::new(worker.clone());
    let backend = match cpus {
        Some(cpus) => {
            LocalBackend::builder().node("head", Resources::from([("cpu", cpus)])).start(host)?
        }
        None => LocalBackend::machine(host)?,
    };
    Ok(Chia::builder(worker).backend(backend).start().await?)
}

async fn called(chia: Chia, calls: usize, rounds: u64) {
    for _ in 0..rounds {
        let mut handles = Vec::with_capacity(calls);
        for value in 0..calls as u64 {
            handles.push(chia.call(&NEXT, (value,)).dispatch().await.expect("one cpu is there"));
        }
        for handle in handles {
            handle.await.expect("an addition does not fail");
        }
    }
}

async fn spawned(calls: usize, rounds: u64) {
    for _ in 0..rounds {
        let mut handles = Vec::with_capacity(calls);
        for value in 0..calls as u64 {
            handles.push(tokio::spawn(next(value)));
        }
        for handle in handles {
            handle.await.expect("an addition does not fail");
        }
    }
}

/// Puts calls in flight on a node with these cpus, and hands them over to be kept.
pub(super) async fn in_flight(calls: usize, cpus: f64) -> anyhow::Result<Box<dyn Any>> {
    let chia = start(Some(cpus)).await?;
    let mut handles = Vec::with_capacity(calls);
    for value in 0..calls as u64 {
        handles.push(chia.call(&WAIT, (value,)).dispatch().await?);
    }
    Ok(Box::new(handles))
}
