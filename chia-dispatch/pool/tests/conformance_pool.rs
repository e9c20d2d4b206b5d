//! The process pool runs the whole kit; its workers are copies of this very test binary.

use std::time::Duration;

use async_trait::async_trait;
use chia_conformance::{Factory, Instance, Layout, WORKER_ARGS};
use chia_dispatch::Result;
use chia_pool::ProcessPool;

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
        chia_wire::run_if_worker(chia_conformance::host);
    }
}

chia_conformance::tests!(Pool);
