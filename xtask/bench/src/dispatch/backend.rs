//! The backend alone: tasks of bytes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{Task, TaskOptions};
use chia_dispatch::{
    Actor, Backend, Error, ErrorKind, Host, Job, LocalBackend, Resources, Result, TaskContext,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{IN_FLIGHT, MANY, batches, settle};
use crate::{Aim, Figure, Report, machine, timing};

/// Adds the figures of the bare backend.
pub(super) fn run(report: &mut Report, runtime: &Runtime) -> anyhow::Result<()> {
    let backend = runtime.block_on(async { LocalBackend::machine(Arc::new(Echo)) })?;
    for calls in IN_FLIGHT {
        report.progress(&format!("backend, {calls} in flight"));
        let medians = timing::interleaved(&mut [
            batches(runtime, calls, |rounds| submitted(Arc::clone(&backend), calls, rounds)),
            batches(runtime, calls, |rounds| spawned(calls, rounds)),
        ]);
        let (ours, bare) = (medians[0], medians[1]);
        let case = format!("backend: submit and get, {calls} in flight, beside tokio::spawn");
        report.add(Figure::versus(case, "ns", ours, bare));
        let case = format!("backend: overhead per call, {calls} in flight");
        report.add(Figure::alone(case, "ns", ours - bare).aim(Aim::AtMost(1_500.0)));
    }
    report.progress("backend, memory");
    memory(report, runtime)
}

async fn submitted(backend: Arc<LocalBackend>, calls: usize, rounds: u64) {
    for _ in 0..rounds {
        let mut handles = Vec::with_capacity(calls);
        for _ in 0..calls {
            handles.push(backend.submit(task("echo", 1.0)).await.expect("one cpu is there"));
        }
        for handle in handles {
            backend.get(&handle).await.expect("an echo does not fail");
        }
    }
}

async fn spawned(calls: usize, rounds: u64) {
    for _ in 0..rounds {
        let mut handles = Vec::with_capacity(calls);
        for _ in 0..calls {
            let payload = Bytes::from_static(b"0123456789abcdef");
            handles.push(tokio::spawn(async move { payload }));
        }
        for handle in handles {
            handle.await.expect("an echo does not fail");
        }
    }
}

/// Bytes per call in flight: queued behind a full node, and running side by side.
fn memory(report: &mut Report, runtime: &Runtime) -> anyhow::Result<()> {
    for (what, cpus) in [("queued", 1.0), ("running", MANY as f64)] {
        let gate = Arc::new(Semaphore::new(0));
        let host = Arc::new(Gate(Arc::clone(&gate)));
        let node = Resources::from([("cpu", cpus)]);
        let start = || LocalBackend::builder().node("node", node).start(host);
        let backend = runtime.block_on(async { start() })?;
        let before = machine::resident_bytes();
        let handles = runtime.block_on(async {
            let mut handles = Vec::with_capacity(MANY);
            for _ in 0..MANY {
                handles.push(backend.submit(task("gate", 1.0)).await?);
            }
            settle().await;
            Ok::<_, Error>(handles)
        })?;
        let ours = (machine::resident_bytes() - before) / MANY as f64;
        gate.close();
        runtime.block_on(async {
            for handle in &handles {
                backend.get(handle).await?;
            }
            backend.shutdown().await
        })?;
        report.add(Figure::alone(format!("backend: memory per call in flight, {what}"), "B", ours));
    }
    Ok(())
}

fn task(entry: &str, cpu: f64) -> Task {
    Task {
        entry: entry.to_owned(),
        payload: Bytes::from_static(b"0123456789abcdef"),
        args: Vec::new(),
        shared: None,
        options: TaskOptions {
            resources: Resources::from([("cpu", cpu)]),
            ..TaskOptions::default()
        },
    }
}

/// Returns what it gets.
struct Echo;

#[async_trait]
impl Host for Echo {
    async fn run(&self, job: Job, _: TaskContext) -> Result<Bytes> {
        Ok(job.payload)
    }

    async fn actor(&self, kind: &str, _: Bytes, _: TaskContext) -> Result<Box<dyn Actor>> {
        Err(Error::new(ErrorKind::NotRegistered, kind))
    }
}

/// Returns what it gets, once the gate is closed for good.
struct Gate(Arc<Semaphore>);

#[async_trait]
impl Host for Gate {
    async fn run(&self, job: Job, _: TaskContext) -> Result<Bytes> {
        // Nobody gets a permit: the end of the gate lets all of them through.
        let _ = self.0.acquire().await;
        Ok(job.payload)
    }

    async fn actor(&self, kind: &str, _: Bytes, _: TaskContext) -> Result<Box<dyn Actor>> {
        Err(Error::new(ErrorKind::NotRegistered, kind))
    }
}
