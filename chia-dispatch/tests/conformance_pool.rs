//! The process pool runs the whole kit; its workers are copies of this very test binary.

use std::time::Duration;

use async_trait::async_trait;
use chia_dispatch::conformance::{self, Factory, Instance, Layout, WORKER_ARGS};
use chia_dispatch::{ProcessPool, Result, wire};

struct Pool;

#[async_trait]
impl Factory for Pool {
    async fn start(&self, layout: Layout) -> Result<Instance> {
        let mut builder = ProcessPool::builder().worker_args(WORKER_ARGS);
        for (number, capacity) in layout.nodes().into_iter().enumerate() {
            builder = builder.node(format!("node-{number}"), capacity);
        }
        Ok(Instance::shared(builder.grace(Duration::from_millis(300)).start()?))
    }

    fn worker(&self) {
        wire::run_if_worker(conformance::host);
    }
}

conformance::tests!(Pool);
