//! The contract, checked on the in-process backend.

use chia_dispatch::conformance::{self, Factory, Instance, Layout};
use chia_dispatch::{LocalBackend, Result};

struct Local;

#[async_trait::async_trait]
impl Factory for Local {
    async fn start(&self, layout: Layout) -> Result<Instance> {
        let mut builder = LocalBackend::builder();
        for (index, capacity) in layout.nodes().into_iter().enumerate() {
            builder = builder.node(format!("node-{index}"), capacity);
        }
        Ok(Instance::shared(builder.start(conformance::host())?))
    }
}

conformance::tests!(Local);
