//! A host whose programs are closures of the test.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{ActorSpec, Concurrency, Lifetime, ObjectRef, Task, TaskOptions};
use chia_dispatch::{Actor, Backend, Error, ErrorKind, Host, Job, Resources, Result, TaskContext};
use chia_local::LocalBackend;

type Run = Box<dyn Fn(TaskContext) -> Pin<Box<dyn Future<Output = Result<Bytes>> + Send>> + Send>;

/// Programs by name.
#[derive(Default)]
pub(crate) struct Programs(Mutex<HashMap<String, Run>>);

impl Programs {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Lets tasks with this entry run `body`.
    pub(crate) fn add<F>(&self, entry: &str, body: impl Fn(TaskContext) -> F + Send + 'static)
    where
        F: Future<Output = Result<Bytes>> + Send + 'static,
    {
        let body: Run = Box::new(move |context| Box::pin(body(context)));
        self.0.lock().expect("no program panics under the lock").insert(entry.to_owned(), body);
    }
}

#[async_trait]
impl Host for Programs {
    async fn run(&self, job: Job, context: TaskContext) -> Result<Bytes> {
        let body = self
            .0
            .lock()
            .expect("no program panics under the lock")
            .get(&job.entry)
            .map(|body| body(context));
        match body {
            Some(body) => body.await,
            None => Err(Error::new(ErrorKind::NotRegistered, job.entry)),
        }
    }

    /// Runs the program of the kind's name; the actor then does nothing and keeps its context.
    async fn actor(&self, kind: &str, _: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
        let job =
            Job { entry: kind.to_owned(), payload: Bytes::new(), args: Vec::new(), shared: None };
        self.run(job, context.clone()).await?;
        Ok(Box::new(Idle(context)))
    }
}

struct Idle(TaskContext);

#[async_trait]
impl Actor for Idle {
    async fn call(&self, method: &str, payload: Bytes, _: Vec<Bytes>) -> Result<Bytes> {
        match method {
            "hang" => std::future::pending().await,
            "run" => {
                let entry = String::from_utf8_lossy(&payload);
                call(&**self.0.backend(), task(&entry, [])).await
            }
            _ => Ok(Bytes::from(self.0.place().node.clone())),
        }
    }
}

/// One node with these resources.
pub(crate) fn one_node<const N: usize>(
    programs: &Arc<Programs>,
    capacity: [(&'static str, f64); N],
) -> Arc<LocalBackend> {
    let node = Resources::from(capacity);
    let host = Arc::clone(programs);
    LocalBackend::builder().node("head", node).start(host).expect("one node, inside a runtime")
}

pub(crate) fn task<const N: usize>(entry: &str, resources: [(&'static str, f64); N]) -> Task {
    Task {
        entry: entry.to_owned(),
        payload: Bytes::new(),
        args: Vec::new(),
        shared: None,
        options: TaskOptions { resources: resources.into(), ..TaskOptions::default() },
    }
}

pub(crate) fn actor<const N: usize>(
    kind: &str,
    name: Option<&str>,
    resources: [(&'static str, f64); N],
) -> ActorSpec {
    ActorSpec {
        name: name.map(str::to_owned),
        kind: kind.to_owned(),
        init: Bytes::new(),
        concurrency: Concurrency::Ordered,
        lifetime: Lifetime::Driver,
        restarts: 0,
        options: TaskOptions { resources: resources.into(), ..TaskOptions::default() },
    }
}

/// Submits, and waits for the result.
pub(crate) async fn call(backend: &dyn Backend, task: Task) -> Result<Bytes> {
    let object = backend.submit(task).await?;
    backend.get(&object).await
}

pub(crate) async fn submit(backend: &dyn Backend, task: Task) -> ObjectRef {
    backend.submit(task).await.expect("the node can hold it")
}

pub(crate) fn done() -> Result<Bytes> {
    Ok(Bytes::from_static(b"done"))
}
