//! The backend alone: tasks of bytes.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{Task, TaskOptions};
use chia_dispatch::{Actor, Backend, Error, ErrorKind, Host, Job, Resources, Result, TaskContext};
use chia_local::LocalBackend;
use tokio::runtime::Runtime;

use super::{IN_FLIGHT, batches};
use crate::{Aim, Figure, Report, timing};

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
    Ok(())
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

/// Puts tasks in flight on a node with these cpus, and hands them over to be kept.
pub(super) async fn in_flight(calls: usize, cpus: f64) -> anyhow::Result<Box<dyn Any>> {
    let node = Resources::from([("cpu", cpus)]);
    let backend = LocalBackend::builder().node("head", node).start(Arc::new(Forever))?;
    let mut handles = Vec::with_capacity(calls);
    for _ in 0..calls {
        handles.push(backend.submit(task("forever", 1.0)).await?);
    }
    Ok(Box::new((backend, handles)))
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

/// Never returns.
struct Forever;

#[async_trait]
impl Host for Forever {
    async fn run(&self, _: Job, _: TaskContext) -> Result<Bytes> {
        std::future::pending().await
    }

    async fn actor(&self, kind: &str, _: Bytes, _: TaskContext) -> Result<Box<dyn Actor>> {
        Err(Error::new(ErrorKind::NotRegistered, kind))
    }
}
