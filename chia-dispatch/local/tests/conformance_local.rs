//! The contract, checked on the in-process backend.

use chia_conformance::{Factory, Instance, Layout};
use chia_dispatch::Result;
use chia_local::LocalBackend;

struct Local;

#[async_trait::async_trait]
impl Factory for Local {
    async fn start(&self, layout: Layout) -> Result<Instance> {
        let mut builder = LocalBackend::builder();
        for (index, capacity) in layout.nodes().into_iter().enumerate() {
            builder = builder.node(format!("node-{index}"), capacity);
        }
        Ok(Instance::shared(builder.start(chia_conformance::host())?))
    }
}

chia_conformance::tests!(Local);

/// A shared and boxed backend keeps the contract as well.
mod forwarded {
    use super::{Factory, Instance, Layout, Local, Result};

    struct Boxed;

    #[async_trait::async_trait]
    impl Factory for Boxed {
        async fn start(&self, layout: Layout) -> Result<Instance> {
            Ok(Local.start(layout).await?.map(Box::new))
        }
    }

    chia_conformance::tests!(Boxed);
}
